import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type CompleteRequest, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';

/** A number from 0 up to but not including 1 that the seed and the request decide. */
export function chance(seed: number, request: CompleteRequest): number {
  const hash = createHash('sha256').update(`${seed}:`).update(toBinary(CompleteRequestSchema, request)).digest();
  return hash.readUInt32BE(0) / 2 ** 32;
}
