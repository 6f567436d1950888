import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { decodeAnswer, encodeAnswer, type Origin } from '../cache/kept-answer.ts';

/**
 * What is kept of a key: one byte for the version of the format, one for the kind, the digest of the request, and then
 * the mark of whoever is at work, or the answer.
 */
export type KeyRecord = {
  readonly digest: Uint8Array;
} & (
  | { readonly kind: 'lease'; readonly mark: Uint8Array }
  | { readonly kind: 'answer'; readonly answer: CompleteResponse }
);

const VERSION = 1;
const LEASE = 1;
const ANSWER = 2;
const DIGEST_BYTES = 32;
const HEAD_BYTES = 2 + DIGEST_BYTES;

function record(kind: number, digest: Uint8Array, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  bytes.set([VERSION, kind]);
  bytes.set(digest, 2);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

export const leaseRecord = (digest: Uint8Array, mark: Uint8Array): Uint8Array => record(LEASE, digest, mark);

/** `untilMs`: when its time is up, in milliseconds since 1970. */
export const answerRecord = (
  digest: Uint8Array,
  response: CompleteResponse,
  origin: Origin,
  untilMs: number,
): Uint8Array => record(ANSWER, digest, encodeAnswer(response, origin, untilMs));

/** The answer is a new object each time. Undefined: this is no record that can be read. */
export function readRecord(bytes: Uint8Array): KeyRecord | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return undefined;
  const digest = bytes.subarray(2, HEAD_BYTES);
  const body = bytes.subarray(HEAD_BYTES);
  if (bytes[1] === LEASE) return { kind: 'lease', digest, mark: body };
  const answer = bytes[1] === ANSWER ? decodeAnswer(body) : undefined;
  return answer && { kind: 'answer', digest, answer };
}
