import { GatewayError } from '../../core/errors.ts';
import { asObject, asString, cleanJson } from '../../wire/json.ts';

export interface HeardCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A tool call from the wire. Errors: `upstream_bad_response` for one that has no name or nests too deeply. */
export function heardCall(entry: unknown): HeardCall {
  const called = asObject(asObject(entry)?.functionCall);
  const name = asString(called?.name).toWellFormed();
  if (name === '') throw bad('a tool call without a name');
  const given = cleanJson(called?.arguments ?? {});
  if (given === undefined) throw bad('tool arguments that nest too deeply');
  return { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) };
}

const bad = (what: string) => new GatewayError('upstream_bad_response', `The provider sent ${what}. Try again.`);
