import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../../core/billing.ts';
import { asCount, asObject, asString, type UnknownObject } from '../../core/json.ts';

/**
 * The counts of a stream come twice: the beginning has them all, and the end has the newer of those that changed. What
 * is missing or null there does not count.
 */
export const laterUsage = (earlier: UnknownObject, later: UnknownObject): UnknownObject => ({
  ...earlier,
  ...Object.fromEntries(Object.entries(later).filter(([, value]) => value !== null && value !== undefined)),
});

/**
 * Usage from the wire; undefined if it counts neither input nor output. The wire's `input_tokens` are only those that
 * the cache neither gave nor took.
 */
export function readUsage(usage: UnknownObject): Usage | undefined {
  const uncached = asCount(usage.input_tokens);
  const output = asCount(usage.output_tokens);
  if (uncached === undefined && output === undefined) return undefined;
  const read = asCount(usage.cache_read_input_tokens) ?? 0;
  const written = asCount(usage.cache_creation_input_tokens) ?? 0;
  const input = (uncached ?? 0) + read + written;
  return create(UsageSchema, {
    inputTokens: BigInt(input),
    outputTokens: BigInt(output ?? 0),
    totalTokens: BigInt(input + (output ?? 0)),
    cachedInputTokens: BigInt(read),
    cacheWriteTokens: BigInt(written),
    reasoningTokens: BigInt(asCount(asObject(usage.output_tokens_details)?.thinking_tokens) ?? 0),
  });
}

/** What the price depends on besides the counts: an hour's caching, and a tier or a speed that is not the standard. */
export function readBilling(usage: UnknownObject): Billing {
  const hour = asCount(asObject(usage.cache_creation)?.ephemeral_1h_input_tokens) ?? 0;
  const tier = [asString(usage.speed), asString(usage.service_tier)].find((word) => word !== '' && word !== 'standard');
  return {
    ...(hour > 0 ? { cacheWrite1hTokens: BigInt(hour) } : {}),
    ...(tier === undefined ? {} : { serviceTier: tier.toWellFormed() }),
  };
}
