import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';
import type { CallOutcome } from './record.ts';

const SERVICE = 'antiphon.v1.LlmService';

/** What to record of a completion that gave a response, or failed. `endedMs` is by the clock. */
export function callOutcome(call: Call, endedMs: number, result: CompleteResponse | GatewayError): CallOutcome {
  const { trail, request } = call;
  const failed = result instanceof Error;
  return {
    callId: call.id,
    context: call.context,
    caller: call.caller.name,
    method: `${SERVICE}/${call.sink ? 'StreamComplete' : 'Complete'}`,
    target: trail.target ?? (failed ? result.facts.target : undefined),
    startedMs: call.receivedMs,
    endedMs,
    firstTokenAtMs: call.sink ? trail.firstTokenAtMs : undefined,
    upstreamMs: trail.upstreamMs,
    usage: failed ? trail.partialUsage : result.usage,
    cost: failed ? trail.partialCost : result.cost,
    finishReason: failed ? undefined : result.finishReason,
    error: failed ? result : undefined,
    warnings: trail.warnings.length,
    attempts: trail.attempts.length,
    requestType: request.requestType,
    labels: request.labels,
  };
}
