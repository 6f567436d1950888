import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CompleteResponse, CompleteResponseSchema, type Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../core/target.ts';

/**
 * An answer as it is kept: one byte for the version of the format, eight for when its time is up (milliseconds since
 * 1970), and a CompleteResponse in protobuf with what belongs to the answer and nothing that belongs to a call.
 */
const VERSION = 1;
const HEAD_BYTES = 9;

/** What is kept of an answer besides its own fields. */
export interface Origin {
  /** The model that gave it. */
  readonly target: Target;
  readonly warnings: readonly Warning[];
}

export function encodeAnswer(response: CompleteResponse, { target, warnings }: Origin, untilMs: number): Uint8Array {
  const { content, finishReason, providerFinishReason, usage, cost, providerModel, providerResponseId } = response;
  const kept = create(CompleteResponseSchema);
  Object.assign(kept, { content, finishReason, providerFinishReason, usage, cost, providerModel, providerResponseId });
  Object.assign(kept, { provider: target.provider, model: target.model, warnings });
  const body = toBinary(CompleteResponseSchema, kept);
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  bytes[0] = VERSION;
  new DataView(bytes.buffer).setFloat64(1, untilMs);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** When its time is up, in milliseconds since 1970. Undefined: this is no answer that can be read. */
export function untilOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(1);
}

/** A new object each time, so that whoever gets it may change it. Undefined: this is no answer that can be read. */
export function decodeAnswer(bytes: Uint8Array): CompleteResponse | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return undefined;
  try {
    return fromBinary(CompleteResponseSchema, bytes.subarray(HEAD_BYTES));
  } catch {
    return undefined;
  }
}
