import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { asCount, asObject } from '../../wire/json.ts';

/**
 * Usage from the wire; undefined if it counts neither input nor output. Counts that are not whole numbers from 0 are
 * taken for 0. Cached tokens have three names: OpenAI's, DeepSeek's and Kimi's.
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const input = asCount(usage?.prompt_tokens);
  const output = asCount(usage?.completion_tokens);
  if (!usage || (input === undefined && output === undefined)) return undefined;
  const inputDetails = asObject(usage.prompt_tokens_details);
  const outputDetails = asObject(usage.completion_tokens_details);
  return create(UsageSchema, {
    inputTokens: BigInt(input ?? 0),
    outputTokens: BigInt(output ?? 0),
    totalTokens: BigInt(asCount(usage.total_tokens) ?? (input ?? 0) + (output ?? 0)),
    cachedInputTokens: firstCount(inputDetails?.cached_tokens, usage.prompt_cache_hit_tokens, usage.cached_tokens),
    cacheWriteTokens: firstCount(inputDetails?.cache_write_tokens),
    reasoningTokens: firstCount(outputDetails?.reasoning_tokens),
  });
}

/** The first that is a count and not 0: some servers fill one name and leave another at 0. */
const firstCount = (...values: readonly unknown[]): bigint =>
  BigInt(values.map(asCount).find((count) => count !== undefined && count > 0) ?? 0);
