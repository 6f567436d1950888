import type { ErrorKind } from '../../core/errors.ts';
import type { ReportedError } from './reported-error.ts';

/** What a failed answer can mean. */
export type FailureKind = Extract<
  ErrorKind,
  | 'upstream_timeout'
  | 'upstream_bad_response'
  | 'upstream_rejected'
  | 'upstream_not_found'
  | 'upstream_auth'
  | 'upstream_billing'
  | 'upstream_rate_limited'
  | 'upstream_overloaded'
  | 'upstream_error'
  | 'context_length_exceeded'
  | 'content_blocked'
  | 'request_too_large'
>;

/**
 * Texts that mean the conversation is too long: the status does not tell. Most are those that the npm package
 * @earendil-works/pi-ai 1.5.2 looks for (dist/utils/overflow.js); Yandex's are those that its clients match, such as
 * https://github.com/community-of-python/any-llm-client (2026-11-21).
 */
const OVERFLOW = [
  'prompt (?:is )?too long',
  'exceeds the context window',
  "exceeds (?:the )?(?:model's )?maximum context length",
  'input token count.{0,100}exceeds the maximum',
  'maximum prompt length is \\d+',
  'reduce the length of the messages',
  'maximum context length is \\d+ tokens',
  'exceeds the available context size',
  'greater than the context length',
  'context window exceeds limit',
  'exceeded model token limit',
  'range of input length should be',
  'context[_ ]length[_ ]exceeded',
  'too_many_prompt_tokens',
  'number of input tokens must be no more than \\d+',
  'text length is \\d+, which is outside the range',
];

const overflow = new RegExp(OVERFLOW.join('|'), 'i');
/** One request is more than a whole minute's tokens: it never fits, however long one waits. */
const overMinute = /request too large\b.{0,300}\btokens per min/is;
const throttled = /rate limit|too many (?:requests|tokens)/i;
const unpaid =
  /insufficient[_ ](?:quota|balance|credits?|funds)|credit[_ ]balance|billing_(?:hard_limit|not_active|error)|payment_required|out of (?:budget|credits)|available balance/i;
const blocked =
  /content[_ ](?:policy|filter)|moderation|flagged|guardrail|responsibleaipolicyviolation|invalid_prompt|violates usage guidelines|safety_check/i;
/** A model that this account may not use: another key of the same account would not help. */
const noSuchModel = /model_?not_?(?:found|available)/;
/** At the beginning only: further on, a message may quote the caller. */
const badKey = /^(?:incorrect|invalid) api key|^api key not valid/i;

/** z.ai's code for a used up plan. */
const PLAN_USED_UP = '1308';

/** What an answer of this status means. Links are not read: their addresses speak of billing and limits anyway. */
export function errorKind(status: number, reported: ReportedError): FailureKind {
  const message = reported.message.slice(0, 2_000).replace(/https?:\/\/\S+/g, '');
  const text = `${reported.words} ${message}`;
  if (isBilling(status, reported, text)) return 'upstream_billing';
  if ((status === 413 || status === 429) && overMinute.test(message)) return 'context_length_exceeded';
  if (mayOverflow(status) && overflow.test(text) && !throttled.test(text)) return 'context_length_exceeded';
  if (status === 403 && blocked.test(text)) return 'content_blocked';
  if (status === 403 && noSuchModel.test(reported.words)) return 'upstream_not_found';
  const kind = byStatus[status];
  if (kind) return kind;
  if (status >= 500) return /overloaded/i.test(text) ? 'upstream_overloaded' : 'upstream_error';
  if (status < 400) return 'upstream_bad_response';
  if (reported.words.includes('request_too_large')) return 'request_too_large';
  if (badKey.test(message) || reported.words.includes('invalid_api_key')) return 'upstream_auth';
  return blocked.test(text) ? 'content_blocked' : 'upstream_rejected';
}

/** The words of a refused request do not count, only its code: they may quote the caller, who could trip a breaker. */
function isBilling(status: number, { words }: ReportedError, text: string): boolean {
  if (status === 402) return true;
  if (status < 400 || status > 499) return false;
  const trusted = status === 403 || status === 429 ? text : words;
  return unpaid.test(trusted) || words.startsWith(PLAN_USED_UP);
}

const mayOverflow = (status: number): boolean => status === 400 || status === 413 || status === 422 || status === 500;

const byStatus: Readonly<Record<number, FailureKind>> = {
  401: 'upstream_auth',
  403: 'upstream_auth',
  404: 'upstream_not_found',
  408: 'upstream_timeout',
  409: 'upstream_error',
  413: 'request_too_large',
  429: 'upstream_rate_limited',
  503: 'upstream_overloaded',
  504: 'upstream_timeout',
  524: 'upstream_timeout',
  529: 'upstream_overloaded',
};

/** The status that fits an error's code and type, for errors inside an answer of status 200. */
const implied: readonly (readonly [RegExp, number])[] = [
  [/rate_?limit|too_?many_?requests|resource_?exhausted/, 429],
  [/quota|billing|payment|credit/, 402],
  [/auth|api_key/, 401],
  [/permission|forbidden|moderation/, 403],
  [/not_?found/, 404],
  [/overloaded|slow_down|unavailable/, 503],
  [/timeout|deadline/, 504],
  [/request_too_large|payload_too_large/, 413],
  [/invalid|bad_?request|context_length|content_|too_many_prompt|tool_use_failed|unprocessable/, 400],
];

/** The status of a failed reply: its own, or for an error inside an answer the one that fits. */
export const failedStatus = (status: number, reported: ReportedError): number =>
  status < 200 || status > 299 ? status : impliedStatus(reported);

export const impliedStatus = ({ status, words }: ReportedError): number =>
  status ?? implied.find(([pattern]) => pattern.test(words))?.[1] ?? 500;
