import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type CompleteRequest, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { canonical, fieldsThatAre, partOf, questionFields, type RequestFields } from '../cache/request-part.ts';

/** What two requests with the same key must have in common: all that can change the answer, or where it comes from. */
const requestFields: RequestFields = {
  ...questionFields,
  model: 'yes',
  tier: 'yes',
  complexity: 'yes',
  preferredProviders: 'yes',
  fallbackModels: 'yes',
  // Rules may match on them.
  requestType: 'yes',
  labels: 'ordered',
  onBrokenStream: 'yes',
  cache: 'yes',
  // Made anew for each call where the caller gives none.
  context: 'no',
  priority: 'no',
  promptCacheKey: 'no',
  idempotencyKey: 'no',
};

const plain = fieldsThatAre(requestFields, 'yes');
const ordered = fieldsThatAre(requestFields, 'ordered');

/** The SHA-256 of what a request asks. Where it goes in the end is not part of it. */
export function digestOf(request: CompleteRequest): Uint8Array {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(ordered.map((field) => canonical(request[field]))));
  hash.update(toBinary(CompleteRequestSchema, partOf(request, plain), { writeUnknownFields: false }));
  return hash.digest();
}

/** What is kept is kept under this: 43 characters that say nothing of the key. `tenant`: as `tenantOf` gives it. */
export const slotOf = (tenant: string, key: string): string =>
  createHash('sha256')
    .update(JSON.stringify([tenant, key]))
    .digest('base64url');
