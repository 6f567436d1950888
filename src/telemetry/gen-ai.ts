import {
  CacheStatus,
  type CompleteResponse,
  type Cost,
  FinishReason,
  type Reasoning,
  ReasoningEffort,
  type ResponseFormat,
  type Usage,
} from '#gen/antiphon/v1/completion_pb.js';
import { isPaidElsewhere, ownCost } from '../core/cached.ts';
import type { Call, Caller } from '../core/call.ts';
import type { SpanValue } from '../core/span.ts';
import { readCost } from './cost.ts';

/*
 * OpenTelemetry's GenAI conventions, as literals: they are in development, and the package of names still has older
 * ones. Content (messages, instructions, tool definitions, stop texts) is never here: see `content.ts`.
 * Source: https://github.com/open-telemetry/semantic-conventions-genai (2026-11-21).
 */

export type SpanAttributes = Readonly<Record<string, SpanValue | undefined>>;

/** The name of the CLIENT span of a call, all tries included. */
export const inferenceSpanName = (model: string): string => (model === '' ? 'chat' : `chat ${model}`);

/**
 * What was asked. The provider and the model are those of the call's trail: set them when the call is over.
 * `providerName` is the provider's name in the conventions; without it, the configured name stands.
 */
export function requestAttributes(
  { request, context, caller, trail, sink }: Pick<Call, 'request' | 'context' | 'caller' | 'trail' | 'sink'>,
  providerName = trail.target?.provider,
): SpanAttributes {
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': providerName,
    'gen_ai.conversation.id': context.sessionId || undefined,
    'gen_ai.request.model': (trail.target?.model ?? request.model) || undefined,
    'gen_ai.request.stream': sink ? true : undefined,
    'gen_ai.request.temperature': request.temperature,
    'gen_ai.request.top_p': request.topP,
    'gen_ai.request.top_k': request.topK,
    'gen_ai.request.max_tokens': request.maxTokens,
    'gen_ai.request.seed': request.seed === undefined ? undefined : safeInteger(request.seed),
    'gen_ai.request.reasoning.level': reasoningLevel(request.reasoning),
    'gen_ai.output.type': outputType(request.responseFormat),
    ...callerAttributes(caller),
    'antiphon.source_agent': context.sourceAgent || undefined,
    'antiphon.session_id': context.sessionId || undefined,
    'antiphon.provider': trail.target?.provider,
    'antiphon.selection.reason': trail.selectionReason || undefined,
    'antiphon.rule': trail.rule,
    'antiphon.attempts': trail.attempts.length || undefined,
    'antiphon.queue_ms': trail.queuedMs || undefined,
    // Apart from the cost of the answer: a try that broke off comes on top of the one that succeeded.
    'antiphon.cost.partial_nano_usd': readCost(trail.partialCost).nanoUsd,
  };
}

/** Who calls, if anybody was asked. */
export const callerAttributes = ({ name, team, isAnonymous }: Caller): SpanAttributes =>
  isAnonymous ? {} : { 'antiphon.caller': name, 'antiphon.team': team || undefined };

/** `firstTokenMs` is from the call's arrival to its first content, for calls that stream. */
export function responseAttributes(response: CompleteResponse, firstTokenMs?: number): SpanAttributes {
  return {
    'gen_ai.response.id': response.providerResponseId || undefined,
    'gen_ai.response.model': response.providerModel || undefined,
    'gen_ai.response.finish_reasons': [finishReasonName(response.finishReason)],
    'gen_ai.response.time_to_first_chunk': firstTokenMs === undefined ? undefined : firstTokenMs / 1000,
    'antiphon.cache.status': cacheStatuses[response.cacheStatus],
    // What an answer took that another call has paid for stands on the span of that call.
    ...(isPaidElsewhere(response) ? {} : usageAttributes(response.usage)),
    ...costAttributes(ownCost(response)),
  };
}

/** For a call that gave no answer. */
export const failureAttributes: SpanAttributes = { 'gen_ai.response.finish_reasons': ['error'] };

/** Cached and reasoning counts are parts of the totals, and left out where they are zero. */
function usageAttributes(usage: Usage | undefined): SpanAttributes {
  if (!usage) return {};
  return {
    'gen_ai.usage.input_tokens': Number(usage.inputTokens),
    'gen_ai.usage.output_tokens': Number(usage.outputTokens),
    'gen_ai.usage.cache_read.input_tokens': Number(usage.cachedInputTokens) || undefined,
    'gen_ai.usage.cache_write.input_tokens': Number(usage.cacheWriteTokens) || undefined,
    'gen_ai.usage.reasoning.output_tokens': Number(usage.reasoningTokens) || undefined,
    'antiphon.usage.estimated': usage.estimated || undefined,
  };
}

function costAttributes(cost: Cost | undefined): SpanAttributes {
  const { status, nanoUsd } = readCost(cost);
  return { 'antiphon.cost.status': status, 'antiphon.cost.nano_usd': nanoUsd };
}

const finishReasons: Readonly<Record<FinishReason, string>> = {
  [FinishReason.UNSPECIFIED]: 'error',
  [FinishReason.STOP]: 'stop',
  [FinishReason.LENGTH]: 'length',
  [FinishReason.TOOL_CALLS]: 'tool_call',
  [FinishReason.CONTENT_FILTER]: 'content_filter',
  [FinishReason.PAUSED]: 'paused',
  [FinishReason.ERROR]: 'error',
  [FinishReason.OTHER]: 'other',
  [FinishReason.FALLBACK]: 'fallback',
};

/** The word of the conventions. */
export const finishReasonName = (reason: FinishReason): string => finishReasons[reason];

const cacheStatuses: Readonly<Record<CacheStatus, string>> = {
  // Nobody has said anything of a cache.
  [CacheStatus.UNSPECIFIED]: 'bypass',
  [CacheStatus.BYPASS]: 'bypass',
  [CacheStatus.MISS]: 'miss',
  [CacheStatus.HIT]: 'hit',
  [CacheStatus.SHARED]: 'shared',
  [CacheStatus.REPLAYED]: 'replayed',
};

export const cacheStatusName = (status: CacheStatus): string => cacheStatuses[status];

const safeInteger = (value: bigint): number | undefined => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
};

function reasoningLevel(reasoning: Reasoning | undefined): string | undefined {
  return reasoning?.amount.case === 'effort' ? ReasoningEffort[reasoning.amount.value]?.toLowerCase() : undefined;
}

function outputType(format: ResponseFormat | undefined): string | undefined {
  if (format?.format.case === undefined) return undefined;
  return format.format.case === 'text' ? 'text' : 'json';
}
