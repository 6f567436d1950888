import { create } from '@bufbuild/protobuf';
import { type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Trail } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';

/** As the contract says. */
const MAX_ATTEMPTS = 8;

/** The error with what is known of the call that it ended, if anything is. */
export function withFailure(error: GatewayError, trail: Trail): GatewayError {
  const failure = callFailure(trail);
  return failure ? error.with({ failure }) : error;
}

function callFailure({ attempts, partialUsage, partialCost, selectionReason }: Trail): CallFailure | undefined {
  if (attempts.length === 0 && !partialUsage) return undefined;
  const failure = create(CallFailureSchema, { attempts: attempts.slice(-MAX_ATTEMPTS), selectionReason });
  if (partialUsage) failure.usage = partialUsage;
  if (partialCost) failure.cost = partialCost;
  return failure;
}
