import { asObject } from '../../core/json.ts';
import { heardArguments, heardName } from '../grammar/heard-call.ts';

export interface HeardCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A tool call from the wire. Errors: `upstream_bad_response` for one that has no name or nests too deeply. */
export function heardCall(entry: unknown): HeardCall {
  const called = asObject(asObject(entry)?.functionCall);
  return { name: heardName(called?.name), arguments: heardArguments(called?.arguments) };
}
