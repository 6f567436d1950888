import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { Effort } from './efforts.ts';
import type { Warnings } from './warnings.ts';

/** When a model takes `temperature` and `top_p`: always, only with the reasoning effort "none", or never. */
export type Sampling = 'always' | 'effort_none' | 'never';

/** `temperature` and `top_p` as OpenAI names them, where the model takes them. `effort` is the one that is sent. */
export function sampled(
  { temperature, topP }: CompleteRequest,
  sampling: Sampling,
  effort: Effort | undefined,
  warnings: Warnings,
): JsonObject {
  const isTaken = sampling === 'always' || (sampling === 'effort_none' && effort === 'none');
  const when = sampling === 'never' ? 'does not take' : 'takes only with the reasoning effort "none"';
  const body: JsonObject = {};
  for (const [field, value] of Object.entries({ temperature, top_p: topP })) {
    if (value === undefined) continue;
    if (isTaken) body[field] = value;
    else warnings.add(dropped(field, `${field} was not sent: the model ${when} it.`));
  }
  return body;
}

/** The temperature, or the highest that is taken. */
export function boundedTemperature(temperature: number, highest: number, warnings: Warnings): number {
  if (temperature <= highest) return temperature;
  warnings.add(adjusted('temperature', `temperature was sent as ${highest}: the provider takes no higher one.`));
  return highest;
}
