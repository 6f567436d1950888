import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { asCount, asString } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { stateFor, stateOf } from '../grammar/provider-state.ts';

/** A signature, which has to come back on the very part that it came on. */
export interface Signature {
  readonly value: string;
  /** How many of the text's last characters it came with. Undefined: all, or it is on no text. */
  readonly tail: number | undefined;
}

export const writeSignature = (target: Target, { value, tail }: Signature): ProviderState =>
  stateOf(target, { thoughtSignature: value, ...(tail === undefined ? {} : { tail }) });

/** Undefined for what another provider or model gave, and for what is no signature. */
export function readSignature(state: ProviderState | undefined, target: Target): Signature | undefined {
  const read = stateFor(state, target);
  const value = asString(read?.thoughtSignature);
  return value === '' ? undefined : { value, tail: asCount(read?.tail) };
}

/** What goes on with an answer that paused. */
export const writeContinuation = (target: Target, token: string): ProviderState =>
  stateOf(target, { continuationToken: token });

export const readContinuation = (state: ProviderState | undefined, target: Target): string =>
  asString(stateFor(state, target)?.continuationToken);
