import type { CompleteRequest, CompleteResponse, Cost, Usage } from '#gen/antiphon/v1/completion_pb.js';
import { isPaidElsewhere, ownCost } from '../core/cached.ts';
import type { Call, Trail } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';
import { addUsage, withSpent } from '../core/spent.ts';
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
    team: call.caller.team,
    method: `${SERVICE}/${call.sink ? 'StreamComplete' : 'Complete'}`,
    target: trail.target ?? (failed ? result.facts.target : undefined),
    startedMs: call.receivedMs,
    endedMs,
    firstTokenAtMs: call.sink ? trail.firstTokenAtMs : undefined,
    upstreamMs: trail.upstreamMs,
    queuedMs: trail.queuedMs,
    ...(failed ? { usage: trail.partialUsage, cost: trail.partialCost } : allTries(result, trail)),
    finishReason: failed ? undefined : result.finishReason,
    error: failed ? result : undefined,
    warnings: trail.warnings.length,
    messagesLeftOut: trail.messagesLeftOut,
    cacheStatus: trail.cacheStatus,
    attempts: trail.attempts,
    fallbacks: trail.fallbacks,
    selectionReason: trail.selectionReason,
    rule: trail.rule,
    ...(failed ? keepingTheRules(request) : { requestType: request.requestType, labels: request.labels }),
  };
}

const REQUEST_TYPE = /^[a-z0-9_.-]{1,64}$/;
const MAX_LABEL = 256;

/** A request that was refused may have anything in these places, a prompt too: what breaks their rules is left out. */
function keepingTheRules({ requestType, labels }: CompleteRequest): Pick<CallOutcome, 'requestType' | 'labels'> {
  const kept = Object.entries(labels).filter(([key, label]) => REQUEST_TYPE.test(key) && label.length <= MAX_LABEL);
  return { requestType: REQUEST_TYPE.test(requestType) ? requestType : '', labels: Object.fromEntries(kept) };
}

/** What the answer used and cost, and the tries that did not give it. */
function allTries(
  answer: Pick<CompleteResponse, 'usage' | 'cost' | 'cacheStatus'>,
  { partialUsage, partialCost }: Trail,
): { readonly usage: Usage | undefined; readonly cost: Cost | undefined } {
  const cost = ownCost(answer);
  const usage = isPaidElsewhere(answer) ? undefined : answer.usage;
  return {
    usage: usage ? addUsage(partialUsage, usage) : partialUsage,
    cost: cost ? withSpent(cost, partialCost) : partialCost,
  };
}
