import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { dropped } from '../../core/warnings.ts';
import { boundedTemperature } from '../grammar/sampling.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { AnthropicMessagesQuirks } from './quirks.ts';

/** The contract goes up to 2. */
const MOST_TEMPERATURE = 1;

/** While it thinks, a model takes no other `top_p`: 0.95 is seen to be taken. */
const LEAST_TOP_P_THINKING = 0.95;

/** The fields `temperature`, `top_p` and `top_k`, as far as the model takes them. */
export function wireSampling(
  request: CompleteRequest,
  { sampling }: AnthropicMessagesQuirks,
  thinks: boolean,
  warnings: Warnings,
): JsonObject {
  const { temperature, topP, topK } = request;
  const never = sampling === 'never' ? 'the model does not take it' : undefined;
  const thinking = thinks ? 'the model does not take it while it thinks' : undefined;
  const lowTopP = topP !== undefined && topP < LEAST_TOP_P_THINKING ? thinking : undefined;
  const hasTemperature = temperature !== undefined && !never && !thinking;
  const second = sampling === 'one' && hasTemperature ? 'the model does not take it with temperature' : undefined;
  return {
    ...taken('temperature', clamped(temperature, never ?? thinking, warnings), never ?? thinking, warnings),
    ...taken('top_p', topP, never ?? lowTopP ?? second, warnings),
    ...taken('top_k', topK, never ?? thinking, warnings),
  };
}

/** The field, unless there is a reason not to send it. */
function taken(field: string, value: number | undefined, reason: string | undefined, warnings: Warnings): JsonObject {
  if (value === undefined) return {};
  if (!reason) return { [field]: value };
  warnings.add(dropped(field, `${field} was not sent: ${reason}.`));
  return {};
}

function clamped(temperature: number | undefined, reason: string | undefined, warnings: Warnings): number | undefined {
  if (reason || temperature === undefined) return temperature;
  return boundedTemperature(temperature, MOST_TEMPERATURE, warnings);
}
