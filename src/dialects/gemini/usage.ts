import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../../core/billing.ts';
import { asArray, asCount, asObject, asString, type UnknownObject } from '../../core/json.ts';

export const countsTokens = ({ promptTokenCount, candidatesTokenCount }: UnknownObject): boolean =>
  asCount(promptTokenCount) !== undefined || asCount(candidatesTokenCount) !== undefined;

/**
 * Usage from the wire. What tools of the provider's own put into the prompt is counted beside it, and thoughts beside
 * the candidates. Counts that are not whole numbers from 0 are taken for 0.
 */
export function readUsage(usage: UnknownObject | undefined): Usage | undefined {
  if (!usage) return undefined;
  const count = (field: string) => asCount(usage[field]) ?? 0;
  const input = count('promptTokenCount') + count('toolUsePromptTokenCount');
  const output = count('candidatesTokenCount') + count('thoughtsTokenCount');
  return create(UsageSchema, {
    inputTokens: BigInt(input),
    outputTokens: BigInt(output),
    totalTokens: BigInt(asCount(usage.totalTokenCount) ?? input + output),
    cachedInputTokens: BigInt(count('cachedContentTokenCount')),
    reasoningTokens: BigInt(count('thoughtsTokenCount')),
  });
}

/** What the price depends on besides; undefined if nothing is told. */
export function readBilling(usage: UnknownObject | undefined): Billing | undefined {
  if (!usage) return undefined;
  const audio =
    audioTokens(usage.promptTokensDetails) +
    audioTokens(usage.toolUsePromptTokensDetails) -
    audioTokens(usage.cacheTokensDetails);
  const serviceTier = asString(usage.serviceTier).toWellFormed();
  if (audio <= 0 && serviceTier === '') return undefined;
  return {
    ...(audio > 0 ? { audioInputTokens: BigInt(audio) } : {}),
    ...(serviceTier === '' ? {} : { serviceTier }),
  };
}

const audioTokens = (details: unknown): number =>
  asArray(details)
    .map(asObject)
    .filter((detail) => detail?.modality === 'AUDIO')
    .reduce((sum, detail) => sum + (asCount(detail?.tokenCount) ?? 0), 0);
