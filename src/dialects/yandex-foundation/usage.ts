import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { asCount, asObject } from '../../core/json.ts';

/** Usage from the wire, whose counts are texts; undefined if it counts neither input nor output. */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asObject(value);
  const input = count(usage?.inputTextTokens);
  const output = count(usage?.completionTokens);
  if (!usage || (input === undefined && output === undefined)) return undefined;
  const details = asObject(usage.completionTokensDetails);
  return create(UsageSchema, {
    inputTokens: BigInt(input ?? 0),
    outputTokens: BigInt(output ?? 0),
    totalTokens: BigInt(count(usage.totalTokens) ?? (input ?? 0) + (output ?? 0)),
    reasoningTokens: BigInt(count(details?.reasoningTokens) ?? 0),
  });
}

const count = (value: unknown): number | undefined =>
  asCount(typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value);
