import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { asCount, asObject, type UnknownObject } from '../../core/json.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/**
 * Usage from the wire; undefined if it counts neither input nor output. Counts that are not whole numbers from 0 are
 * taken for 0. Cached tokens have three names: OpenAI's, DeepSeek's and Kimi's.
 */
export function readUsage(
  value: unknown,
  { reasoningOutsideOutput = false }: Pick<OpenAiChatQuirks, 'reasoningOutsideOutput'>,
): Usage | undefined {
  const usage = asObject(value);
  const input = asCount(usage?.prompt_tokens);
  const completion = asCount(usage?.completion_tokens);
  if (!usage || (input === undefined && completion === undefined)) return undefined;
  const inputDetails = asObject(usage.prompt_tokens_details);
  const reasoning = firstCount(asObject(usage.completion_tokens_details)?.reasoning_tokens);
  const output = (completion ?? 0) + (reasoningOutsideOutput ? unseen(usage, reasoning) : 0);
  return create(UsageSchema, {
    inputTokens: BigInt(input ?? 0),
    outputTokens: BigInt(output),
    totalTokens: BigInt(asCount(usage.total_tokens) ?? (input ?? 0) + output),
    cachedInputTokens: BigInt(
      firstCount(inputDetails?.cached_tokens, usage.prompt_cache_hit_tokens, usage.cached_tokens),
    ),
    cacheWriteTokens: BigInt(firstCount(inputDetails?.cache_write_tokens)),
    reasoningTokens: BigInt(reasoning),
  });
}

/** Output that `completion_tokens` leaves out: what the total holds besides, or the reasoning where there is no total. */
function unseen(usage: UnknownObject, reasoning: number): number {
  const total = asCount(usage.total_tokens);
  if (total === undefined) return reasoning;
  return Math.max(total - (asCount(usage.prompt_tokens) ?? 0) - (asCount(usage.completion_tokens) ?? 0), 0);
}

/** The first that is a count and not 0: some servers fill one name and leave another at 0. */
const firstCount = (...values: readonly unknown[]): number =>
  values.map(asCount).find((count) => count !== undefined && count > 0) ?? 0;
