import {
  CacheMode,
  type CompleteRequest,
  type CompleteResponse,
  FinishReason,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Trail } from '../core/call.ts';
import type { Target } from '../core/target.ts';
import type { CacheSettings } from './settings.ts';

/** What a call does with the cache. */
export type CacheUse = 'bypass' | 'read_write' | 'write' | 'read';

/** An unset temperature is mostly 1; what counts is that nobody has asked for the same answer each time. */
const HIGHEST_TEMPERATURE = 2;

/** A field of a provider by which it runs tools itself: their results are of now, and they may have effects. */
const TOOL_FIELD = /tool|search|plugin|mcp|connector|container|file_ids/i;

const runsTools = ({ providerOptions }: CompleteRequest, { provider }: Target): boolean =>
  Object.keys(providerOptions[provider] ?? {}).some((field) => TOOL_FIELD.test(field));

/** What a call may do with the cache, by what it asks for and what the server is configured for. */
export function cacheUse(request: CompleteRequest, target: Target, settings: CacheSettings): CacheUse {
  const mode = request.cache?.mode ?? CacheMode.UNSPECIFIED;
  if (mode === CacheMode.ONLY) return 'read';
  if (mode === CacheMode.BYPASS || runsTools(request, target)) return 'bypass';
  if (mode === CacheMode.REFRESH) return 'write';
  if (mode === CacheMode.DEFAULT) return 'read_write';
  return (request.temperature ?? HIGHEST_TEMPERATURE) <= settings.maxTemperature ? 'read_write' : 'bypass';
}

const WHOLE: ReadonlySet<FinishReason> = new Set([FinishReason.STOP, FinishReason.TOOL_CALLS]);

/** An answer with one of these is not one to be given again. */
const FLAWS: ReadonlySet<WarningCode> = new Set([
  WarningCode.SCHEMA_MISMATCH,
  WarningCode.FALLBACK_ANSWER,
  // Something that the contract has no place for, such as what a tool of the provider has done.
  WarningCode.CONTENT_OMITTED,
]);

/** Whether an answer may be kept for calls to this target: it is whole, without flaws, and of this model. */
export const isWorthKeeping = (
  { content, finishReason }: Pick<CompleteResponse, 'content' | 'finishReason'>,
  { target: answered, warnings }: Pick<Trail, 'target' | 'warnings'>,
  { model }: Target,
): boolean =>
  WHOLE.has(finishReason) &&
  answered?.model === model &&
  content.length > 0 &&
  content.every(({ part }) => part.case !== 'refusal') &&
  warnings.every(({ code }) => !FLAWS.has(code));
