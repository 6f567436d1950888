import { toJson } from '@bufbuild/protobuf';
import { type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { grpcCode } from '../../core/errors.ts';
import type { RpcStatus } from '../status.ts';
import type { RpcError } from './message.ts';

const INVALID_PARAMS = -32_602;
const INTERNAL = -32_603;
/** The first of those that the specification leaves to servers. */
const FAILED = -32_000;

/** A failed call as JSON-RPC tells it: `data` has what a gRPC caller reads in the details of the status. */
export function rpcError({ code, reason, message, details, retryAfterMs }: RpcStatus): RpcError {
  const metadata = details.flatMap(({ value }) => ('metadata' in value ? [value.metadata] : []))[0];
  const violations = details.flatMap(({ value }) =>
    'fieldViolations' in value ? value.fieldViolations.map(({ field, description }) => ({ field, description })) : [],
  );
  const quota = details.flatMap(({ value }) =>
    'violations' in value ? value.violations.map(({ subject, description }) => ({ subject, description })) : [],
  );
  const failure = details.find(({ desc }) => desc === CallFailureSchema)?.value;
  return {
    code: codeOf(code),
    message,
    data: {
      reason: ErrorReason[reason],
      grpcCode: code,
      ...(metadata && Object.keys(metadata).length > 0 ? { metadata } : {}),
      ...(violations.length > 0 ? { fieldViolations: violations } : {}),
      ...(quota.length > 0 ? { quotaViolations: quota } : {}),
      ...(failure ? { callFailure: toJson(CallFailureSchema, failure as CallFailure) } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  };
}

function codeOf(code: number): number {
  if (code === grpcCode.invalidArgument || code === grpcCode.unimplemented) return INVALID_PARAMS;
  return code === grpcCode.internal ? INTERNAL : FAILED;
}
