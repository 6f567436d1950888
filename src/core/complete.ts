import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from './call.ts';

/**
 * Handles a call: a backend, or a layer around one.
 *
 * It resolves with the whole answer, also when the call streams; then the same content has gone to `call.sink`.
 * Errors: GatewayError. When `call.signal` aborts it rejects with the signal's reason and holds nothing any more.
 */
export type Complete = (call: Call) => Promise<CompleteResponse>;

/** One behaviour around a call. */
export type Layer = (next: Complete) => Complete;

/** A layer with the name under which tests and readers know it. */
export interface NamedLayer {
  readonly name: string;
  readonly layer: Layer;
}

/** Puts layers around `inner`, the first outermost. */
export const compose = (layers: readonly NamedLayer[], inner: Complete): Complete =>
  layers.reduceRight((next, { layer }) => layer(next), inner);
