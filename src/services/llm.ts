import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CostSchema,
  CostStatus,
  TimingSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import type { Model } from '#gen/antiphon/v1/model_pb.js';
import { type Call, newCall, newTrail, type Trail } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete } from '../core/complete.ts';
import { duration } from '../core/duration.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import type { Sink } from '../core/events.ts';
import { may } from '../core/roles.ts';
import { withSpent } from '../core/spent.ts';
import { withFailure } from './call-failure.ts';
import { listModels, modelsFor } from './list-models.ts';
import type { Inbound, LlmService } from './service.ts';
import { StreamWriter } from './stream.ts';
import { validateCompleteRequest } from './validate/request.ts';

export interface LlmServiceParts {
  /** All layers, around all providers. */
  readonly complete: Complete;
  /** Every model that may be named here, in the order of `inOrder`. */
  readonly models: () => readonly Model[];
  readonly health: () => HealthResponse;
  /** Records a call that was refused before it became one. */
  readonly refused: (call: Call, error: GatewayError) => void;
  readonly clock: Clock;
}

/** antiphon.v1.LlmService over the layers: each method checks, delegates and stamps. */
export function llmService(parts: LlmServiceParts): LlmService {
  const { complete, clock } = parts;
  return {
    async complete(request, inbound) {
      const call = openCall(request, inbound, newTrail());
      check(call, parts);
      return answered(complete, call, clock);
    },

    async streamComplete(request, inbound, out) {
      const trail = newTrail();
      const sink = new StreamWriter(out, inbound, trail, clock);
      const call = openCall(request, inbound, trail, sink);
      check(call, parts);
      sink.completed(await answered(complete, call, clock));
    },

    refuse(thrown, inbound) {
      parts.refused(openCall(create(CompleteRequestSchema), inbound, newTrail()), toGatewayError(thrown));
    },

    async listModels(request, { caller }) {
      return listModels(modelsFor(caller, parts.models()), request);
    },

    async health() {
      return parts.health();
    },
  };
}

function openCall(request: CompleteRequest, inbound: Inbound, trail: Trail, sink?: Sink): Call {
  const { id, caller, context, signal, deadlineMs, receivedMs, span, letGo } = inbound;
  const call = newCall({
    id,
    request,
    caller,
    context,
    signal,
    deadlineMs,
    receivedMs,
    span,
    trail,
    sink,
  });
  return letGo ? { ...call, letGo } : call;
}

function check(call: Call, { refused }: LlmServiceParts): void {
  try {
    if (!may(call.caller.roles, 'call')) throw mayNotCall();
    validateCompleteRequest(call.request);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    refused(call, error);
    throw error;
  }
}

const mayNotCall = () =>
  new GatewayError('permission_denied', 'This key may not call models. Use one with the role "caller" or "admin".');

/** The answer with its stamps. Errors: those of the call, with what was tried. */
async function answered(complete: Complete, call: Call, clock: Clock): Promise<CompleteResponse> {
  try {
    return stamp(await complete(call), call, clock);
  } catch (thrown) {
    throw withFailure(toGatewayError(thrown), call.trail);
  }
}

/** Adds what is known of the call as a whole to what the provider answered. */
function stamp(response: CompleteResponse, call: Call, clock: Clock): CompleteResponse {
  const { trail } = call;
  response.id = call.id;
  response.model = trail.target?.model ?? '';
  response.provider = trail.target?.provider ?? '';
  response.context = call.context;
  response.cacheStatus = trail.cacheStatus;
  response.cost = withSpent(response.cost ?? create(CostSchema, { status: CostStatus.UNPRICED }), trail.partialCost);
  response.attempts = trail.attempts;
  response.selectionReason = trail.selectionReason;
  response.warnings = trail.warnings;
  response.timing = timing(call, clock.now());
  return response;
}

function timing({ receivedMs, trail }: Call, nowMs: number) {
  const { firstTokenAtMs, upstreamMs } = trail;
  const totalMs = nowMs - receivedMs;
  return create(TimingSchema, {
    total: duration(totalMs),
    gateway: duration(totalMs - upstreamMs),
    queued: duration(trail.queuedMs),
    ...(firstTokenAtMs === undefined ? {} : { toFirstToken: duration(firstTokenAtMs - receivedMs) }),
  });
}
