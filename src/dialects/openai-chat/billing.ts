import { type Billing, nanoUsd } from '../../core/billing.ts';
import { asCount, asObject, type UnknownObject } from '../../core/json.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** What `usage` and `service_tier` tell of the price; undefined if they tell nothing. */
export function readBilling(
  value: unknown,
  serviceTier: string,
  { reportedCost = false }: Pick<OpenAiChatQuirks, 'reportedCost'>,
): Billing | undefined {
  const usage = asObject(value) ?? {};
  const audio = asCount(asObject(usage.prompt_tokens_details)?.audio_tokens) ?? 0;
  const cost = reportedCost ? costOf(usage) : undefined;
  if (serviceTier === '' && audio === 0 && cost === undefined) return undefined;
  return {
    ...(cost === undefined ? {} : { reportedNanoUsd: cost }),
    ...(audio === 0 ? {} : { audioInputTokens: BigInt(audio) }),
    ...(serviceTier === '' ? {} : { serviceTier }),
  };
}

/**
 * OpenRouter's `cost` is what it charges itself. With a key of the caller's own (`is_byok`) the provider behind it
 * charges besides, all at once or by prompt and completion.
 *
 * Source: the npm packages @openrouter/sdk 1.3.19, esm/models/costdetails, and @earendil-works/pi-ai 1.5.2,
 * dist/utils/openrouter-cost.js (2026-11-21).
 */
function costOf({ cost, is_byok: ownKey, cost_details: details }: UnknownObject): bigint | undefined {
  const charged = nanoUsd(cost);
  if (charged === undefined || ownKey !== true) return charged;
  const {
    upstream_inference_cost: all,
    upstream_inference_prompt_cost: prompt,
    upstream_inference_completions_cost: completions,
  } = asObject(details) ?? {};
  return charged + (nanoUsd(all) ?? (nanoUsd(prompt) ?? 0n) + (nanoUsd(completions) ?? 0n));
}
