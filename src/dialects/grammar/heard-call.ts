import { asString } from '../../core/json.ts';
import { cleanJson } from '../../wire/json.ts';
import { badAnswer } from './failure.ts';

/** The name of a called tool. Errors: `upstream_bad_response` if there is none. */
export function heardName(value: unknown): string {
  const name = asString(value).toWellFormed();
  if (name === '') throw badAnswer('a tool call without a name');
  return name;
}

/**
 * The arguments of a tool call as JSON text: a text as the model wrote it, anything else written as JSON that can
 * be sent, and `{}` for none. Errors: `upstream_bad_response` if they nest too deeply.
 */
export function heardArguments(value: unknown): string {
  if (typeof value === 'string') return value;
  const clean = cleanJson(value ?? {});
  if (clean === undefined) throw badAnswer('tool arguments that nest too deeply');
  return JSON.stringify(clean);
}
