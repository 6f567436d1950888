import {
  CacheStatus,
  type CompleteResponse,
  CostStatus,
  FinishReason,
  type Part,
  type Usage,
  type Warning,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import { stateOf } from './state.ts';

/** What an answer says besides its content, in all of its chunks. */
export interface Stamp {
  readonly id: string;
  /** In seconds since 1970. */
  readonly created: number;
}

/** The id of an answer, as OpenAI writes them, and as `x-request-id` has it. */
export const completionId = (callId: string): string => `chatcmpl-${callId}`;

/** A model by the name that leads to it again. */
export const modelName = ({ provider, model }: Pick<CompleteResponse, 'provider' | 'model'>): string =>
  `${provider}/${model}`;

/** The words of OpenAI's format. What it has no word for keeps the provider's own. */
const reasons: Readonly<Partial<Record<FinishReason, string>>> = {
  [FinishReason.STOP]: 'stop',
  [FinishReason.LENGTH]: 'length',
  [FinishReason.TOOL_CALLS]: 'tool_calls',
  [FinishReason.CONTENT_FILTER]: 'content_filter',
  [FinishReason.PAUSED]: 'length',
  [FinishReason.ERROR]: 'error',
  [FinishReason.FALLBACK]: 'stop',
};

export const finishWord = ({ finishReason, providerFinishReason }: CompleteResponse): string =>
  reasons[finishReason] ?? (providerFinishReason || 'stop');

/** The body of an answer that does not stream. */
export const completionBody = (response: CompleteResponse, created: number) => ({
  id: completionId(response.id),
  object: 'chat.completion',
  created,
  model: modelName(response),
  choices: [{ index: 0, message: messageBody(response.content), logprobs: null, finish_reason: finishWord(response) }],
  ...(response.usage ? { usage: usageBody(response.usage) } : {}),
  antiphon: factsBody(response),
});

function messageBody(content: readonly Part[]) {
  const calls = content.flatMap(({ part }) => (part.case === 'toolCall' ? [part.value] : []));
  const text = joined(content, 'text');
  const refusal = joined(content, 'refusal');
  const reasoning = joined(content, 'reasoning');
  const state = stateOf(content);
  return {
    role: 'assistant',
    content: text ?? (calls.length > 0 || refusal !== undefined ? null : ''),
    refusal: refusal ?? null,
    ...(reasoning ? { reasoning_content: reasoning } : {}),
    ...(calls.length > 0 ? { tool_calls: calls.map(callBody) } : {}),
    ...(state ? { antiphon: state } : {}),
  };
}

const callBody = ({ id, name, arguments: given }: { id: string; name: string; arguments: string }) => ({
  id,
  type: 'function',
  function: { name, arguments: given },
});

/** Undefined: there is no such part. */
function joined(content: readonly Part[], kind: 'text' | 'refusal' | 'reasoning'): string | undefined {
  let text: string | undefined;
  for (const { part } of content) {
    if (part.case !== kind) continue;
    text = (text ?? '') + (typeof part.value === 'string' ? part.value : textOf(part.value));
  }
  return text;
}

const textOf = (value: object): string => ('text' in value && typeof value.text === 'string' ? value.text : '');

/** Counts of tokens are far below what a number can hold. */
export const usageBody = (usage: Usage) => ({
  prompt_tokens: Number(usage.inputTokens),
  completion_tokens: Number(usage.outputTokens),
  total_tokens: Number(usage.totalTokens),
  prompt_tokens_details: {
    cached_tokens: Number(usage.cachedInputTokens),
    ...(usage.cacheWriteTokens > 0n ? { cache_write_tokens: Number(usage.cacheWriteTokens) } : {}),
  },
  completion_tokens_details: { reasoning_tokens: Number(usage.reasoningTokens) },
});

/** What the contract says of a call and OpenAI's format has no place for. */
export const factsBody = (response: CompleteResponse) => ({
  provider: response.provider,
  model: response.model,
  ...(response.providerModel ? { provider_model: response.providerModel } : {}),
  finish_reason: (FinishReason[response.finishReason] ?? '').toLowerCase(),
  selection_reason: response.selectionReason,
  attempts: response.attempts.length,
  ...(response.cacheStatus > CacheStatus.BYPASS ? { cache: CacheStatus[response.cacheStatus].toLowerCase() } : {}),
  ...costBody(response),
  ...(response.warnings.length > 0 ? { warnings: response.warnings.map(warningBody) } : {}),
});

function costBody({ cost }: CompleteResponse) {
  if (!cost) return {};
  const status = (CostStatus[cost.status] ?? '').toLowerCase();
  const isKnown = cost.status === CostStatus.PRICED || cost.status === CostStatus.REPORTED;
  return { cost_status: status, ...(isKnown ? { cost_nano_usd: Number(cost.totalNanoUsd) } : {}) };
}

const warningBody = ({ code, field, message }: Warning) => ({
  code: (WarningCode[code] ?? '').toLowerCase(),
  ...(field ? { field } : {}),
  message,
});
