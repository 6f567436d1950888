import { create } from '@bufbuild/protobuf';
import { type CompleteRequest, CompleteRequestSchema, type Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import { dropped } from '../../core/warnings.ts';
import { Violations } from '../../services/validate/violations.ts';
import { addExtras, type Header } from './extras.ts';
import { Fields } from './fields.ts';
import { reasoningOf, responseFormatOf } from './format.ts';
import { messagesOf } from './messages.ts';
import { toolChoiceOf, toolsOf } from './tools.ts';

/** A request of `POST /v1/chat/completions`, in the contract's terms. */
export interface ChatRequest {
  readonly request: CompleteRequest;
  readonly isStream: boolean;
  /** The last chunk of a stream is to have the usage. */
  readonly includesUsage: boolean;
  /** What of it has no effect here. */
  readonly warnings: readonly Warning[];
}

/** Fields that change the answer at OpenAI, and that the contract has no place for. */
const WITHOUT_EFFECT = [
  'audio',
  'frequency_penalty',
  'logit_bias',
  'logprobs',
  'modalities',
  'prediction',
  'presence_penalty',
  'top_logprobs',
  'verbosity',
  'web_search_options',
];

/**
 * Reads the body of a request. Fields that it does not know are left out, as OpenAI's own clients expect of other
 * servers.
 *
 * Errors: `invalid_request` with every field at fault, under the names of OpenAI's format.
 */
export function chatRequest(body: UnknownObject, header: Header): ChatRequest {
  const fields = new Fields(new Violations());
  const request = create(CompleteRequestSchema, {
    model: fields.text(body.model, 'model') ?? '',
    messages: messagesOf(body.messages, fields),
    stop: fields.texts(body.stop, 'stop'),
    tools: toolsOf(body, fields),
    promptCacheKey: fields.text(body.prompt_cache_key, 'prompt_cache_key') ?? '',
  });
  addSampling(request, body, fields);
  addTools(request, body, fields);
  addExtras(request, body, header, fields);
  checkCount(body, fields);
  const isStream = fields.flag(body.stream, 'stream') ?? false;
  const options = fields.object(body.stream_options, 'stream_options');
  const includesUsage = fields.flag(options?.include_usage, 'stream_options.include_usage') ?? false;
  fields.found.throwIfAny();
  return { request, isStream, includesUsage, warnings: warningsOf(body) };
}

function addSampling(request: CompleteRequest, body: UnknownObject, fields: Fields): void {
  const set = <K extends 'temperature' | 'topP' | 'topK' | 'maxTokens'>(name: K, value: number | undefined) => {
    if (value !== undefined) request[name] = value;
  };
  set('temperature', fields.number(body.temperature, 'temperature'));
  set('topP', fields.number(body.top_p, 'top_p'));
  set('topK', fields.count(body.top_k, 'top_k'));
  const most = fields.count(body.max_completion_tokens, 'max_completion_tokens');
  set('maxTokens', most ?? fields.count(body.max_tokens, 'max_tokens'));
  const seed = fields.number(body.seed, 'seed');
  if (Number.isSafeInteger(seed)) request.seed = BigInt(seed ?? 0);
  else if (seed !== undefined) fields.found.add('seed', 'must be a whole number');
}

function addTools(request: CompleteRequest, body: UnknownObject, fields: Fields): void {
  const hasTools = request.tools.length > 0;
  const choice = toolChoiceOf(body, hasTools, fields);
  const format = responseFormatOf(body.response_format, fields);
  const reasoning = reasoningOf(body, fields);
  const parallel = fields.flag(body.parallel_tool_calls, 'parallel_tool_calls');
  if (choice) request.toolChoice = choice;
  if (format) request.responseFormat = format;
  if (reasoning) request.reasoning = reasoning;
  // Without tools it says nothing, and clients send it all the same.
  if (parallel !== undefined && hasTools) request.parallelToolCalls = parallel;
}

function checkCount({ n }: UnknownObject, { found }: Fields): void {
  if (n !== undefined && n !== null && n !== 1)
    found.add('n', 'must be 1: the gateway gives one answer to a request; send several requests');
}

const isSaid = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== 0;

const warningsOf = (body: UnknownObject): readonly Warning[] =>
  WITHOUT_EFFECT.filter((name) => isSaid(body[name]) && !isTextOnly(name, body[name])).map((name) =>
    dropped(name, 'Left out: say it to a provider in antiphon.provider_options.'),
  );

const isTextOnly = (name: string, value: unknown): boolean =>
  name === 'modalities' && Array.isArray(value) && value.every((each) => each === 'text');
