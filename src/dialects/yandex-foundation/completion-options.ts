import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Reasoning } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import { askedEffort } from '../grammar/efforts.ts';
import { boundedTemperature } from '../grammar/sampling.ts';
import type { Warnings } from '../grammar/warnings.ts';

const MAX_TEMPERATURE = 1;

/** The field `completionOptions`. Counts are texts on this wire. */
export function completionOptions(request: CompleteRequest, stream: boolean, warnings: Warnings): JsonObject {
  const { temperature, maxTokens, reasoning } = request;
  const mode = reasoning && reasoningMode(reasoning, warnings);
  return {
    stream,
    ...(temperature === undefined ? {} : { temperature: boundedTemperature(temperature, MAX_TEMPERATURE, warnings) }),
    ...(maxTokens === undefined ? {} : { maxTokens: String(maxTokens) }),
    ...(mode ? { reasoningOptions: { mode } } : {}),
  };
}

/** The provider only knows on and off. */
function reasoningMode(reasoning: Reasoning, warnings: Warnings): 'DISABLED' | 'ENABLED_HIDDEN' | undefined {
  const effort = askedEffort(reasoning);
  if (!effort || effort === 'none') return effort && 'DISABLED';
  const field = reasoning.amount.case === 'budgetTokens' ? 'reasoning.budget_tokens' : 'reasoning.effort';
  warnings.add(adjusted(field, 'Reasoning was switched on: the provider cannot be told how much.'));
  return 'ENABLED_HIDDEN';
}
