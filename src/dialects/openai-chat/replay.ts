import { asArray, asObject } from '../../core/json.ts';

/**
 * Restates a body as the content of one frame: a message is a delta that holds everything. Its tool calls are told
 * apart by their place, since their ids may be missing or alike.
 */
export function replay(body: unknown): Iterable<unknown> {
  const completion = asObject(body);
  if (!completion) return [body];
  return [{ ...completion, choices: asArray(completion.choices).map(restateChoice) }];
}

function restateChoice(value: unknown): unknown {
  const choice = asObject(value);
  const message = asObject(choice?.message);
  if (!message) return value;
  const calls = asArray(message.tool_calls).map((call, index) => ({ ...asObject(call), index }));
  return { ...choice, delta: { ...message, tool_calls: calls } };
}
