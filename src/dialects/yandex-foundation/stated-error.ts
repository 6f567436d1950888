import { asCount, asObject, asString } from '../../core/json.ts';
import { type ReportedError, reportedError } from '../grammar/reported-error.ts';

/** What an error says of itself. `status` is its own or the one that its gRPC code stands for. */
export type StatedError = ReportedError;

/**
 * Reads the errors of a gRPC gateway: `{"error":{"grpcCode","httpCode","message"}}`, `{"error":"...","code"}` or
 * `{"code","message"}`, where `code` is gRPC's.
 *
 * Sources, read 2026-11-21: https://grpc.io/docs/guides/status-codes/ and https://github.com/grpc-ecosystem/grpc-gateway.
 */
export function statedError(body: unknown): StatedError {
  const outer = asObject(body) ?? {};
  const error = asObject(outer.error) ?? outer;
  const http = asCount(error.httpCode) ?? asCount(error.http_code);
  const code = grpcCodes[asCount(error.grpcCode) ?? asCount(error.grpc_code) ?? asCount(error.code) ?? -1];
  if (!code) return { ...reportedError(body), ...(isFailed(http) ? { status: http } : {}) };
  const [name, implied] = code;
  const message = asString(error.message) || asString(error.error);
  return { message, words: name.toLowerCase(), code: name, status: isFailed(http) ? http : implied };
}

const isFailed = (status: number | undefined): status is number =>
  status !== undefined && status >= 400 && status <= 599;

/** gRPC's codes: the name, and the HTTP status that a gateway gives them. */
const grpcCodes: Readonly<Record<number, readonly [name: string, status: number]>> = {
  1: ['CANCELLED', 499],
  2: ['UNKNOWN', 500],
  3: ['INVALID_ARGUMENT', 400],
  4: ['DEADLINE_EXCEEDED', 504],
  5: ['NOT_FOUND', 404],
  6: ['ALREADY_EXISTS', 409],
  7: ['PERMISSION_DENIED', 403],
  8: ['RESOURCE_EXHAUSTED', 429],
  9: ['FAILED_PRECONDITION', 400],
  10: ['ABORTED', 409],
  11: ['OUT_OF_RANGE', 400],
  12: ['UNIMPLEMENTED', 501],
  13: ['INTERNAL', 500],
  14: ['UNAVAILABLE', 503],
  15: ['DATA_LOSS', 500],
  16: ['UNAUTHENTICATED', 401],
};
