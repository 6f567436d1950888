import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { asCount, asObject } from '../../core/json.ts';

/** Usage from the wire; undefined if it counts neither input nor output. What is no count is taken for 0. */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const input = asCount(usage?.input_tokens);
  const output = asCount(usage?.output_tokens);
  if (!usage || (input === undefined && output === undefined)) return undefined;
  const inputDetails = asObject(usage.input_tokens_details);
  const outputDetails = asObject(usage.output_tokens_details);
  return create(UsageSchema, {
    inputTokens: count(input),
    outputTokens: count(output),
    totalTokens: BigInt(asCount(usage.total_tokens) ?? (input ?? 0) + (output ?? 0)),
    cachedInputTokens: count(inputDetails?.cached_tokens),
    cacheWriteTokens: count(inputDetails?.cache_write_tokens),
    reasoningTokens: count(outputDetails?.reasoning_tokens),
  });
}

const count = (value: unknown): bigint => BigInt(asCount(value) ?? 0);
