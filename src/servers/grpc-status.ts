import { toBinary } from '@bufbuild/protobuf';
import { Metadata, type ServerErrorResponse, type StatusObject } from '@grpc/grpc-js';
import { StatusSchema } from '#gen/google/rpc/status_pb.js';
import type { ReplyHeaders } from './rpc.ts';
import { type RpcStatus, statusMessage } from './status.ts';

/** The headers of a request by their lower-case names. */
export const metadataLookup =
  (metadata: Metadata) =>
  (name: string): string | undefined =>
    metadata.get(name).join(',') || undefined;

export function metadataOf(headers: ReplyHeaders): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** grpc-js sends `details`; never give it an Error, whose message it would send as it is. */
export function errorResponse(
  status: RpcStatus,
  headers: ReplyHeaders,
): ServerErrorResponse & Pick<StatusObject, 'code' | 'details'> {
  const { code, message, retryAfterMs } = status;
  const metadata = metadataOf(headers);
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, statusMessage(status))));
  if (retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(retryAfterMs));
  return { name: 'ServiceError', message, code, details: message, metadata };
}
