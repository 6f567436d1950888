import { create } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  CompleteResponseSchema,
  type Cost,
  type Usage,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../core/billing.ts';
import { addWarnings, type Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete } from '../core/complete.ts';
import { conforms } from '../core/conformity.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { Fold } from '../core/fold.ts';
import { quotesConversation } from '../core/quotes.ts';
import type { Redact } from '../core/redact.ts';
import { addSpent } from '../core/spent.ts';
import type { Target } from '../core/target.ts';
import { estimateUsage } from '../core/usage.ts';
import { schemaMismatch, usageEstimated } from '../core/warnings.ts';
import type { WireRequest } from '../dialects/dialect.ts';
import type { Provider } from '../providers/provider.ts';
import { Answer } from './http/answer.ts';
import type { Connections } from './http/connections.ts';
import { exchange, type HttpRequest } from './http/exchange.ts';

/** What an answer of this model with this usage costs. */
export type Price = (target: Target, usage: Usage, billing: Billing) => Cost;

export interface HttpBackend {
  readonly provider: Provider;
  readonly price: Price;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly maxResponseBytes: number;
  readonly maxEventBytes: number;
}

/** A backend that asks a provider over HTTP. Aborts: the connection is closed at once. */
export function httpBackend(settings: HttpBackend): Complete {
  const backend = { ...settings, basePath: settings.provider.baseUrl.pathname.replace(/\/$/, '') };
  return async function http(call) {
    const { target } = call;
    if (!target) throw new GatewayError('internal', 'A call came to a provider without a target.');
    const dialect = backend.provider.dialect(call.request, target.model);
    const wire = dialect.toWire(call.request, target, call.sink !== undefined);
    addWarnings(call.trail, wire.warnings);
    const fold = new Fold();
    const isStreamed = call.sink !== undefined || wire.body.stream === true;
    const answer = new Answer(backend, dialect, call, target, fold, isStreamed);
    try {
      await send(backend, call, wire, isStreamed && dialect.framing === 'sse', answer);
      return response(backend, call, target, wire, answer, fold);
    } catch (thrown) {
      if (fold.parts.length > 0 || (call.signal.aborted && answer.isUnderWay)) notePart(backend, call, target, fold);
      throw presentable(toGatewayError(thrown), call, answer.requestId, backend.redact);
    }
  };
}

/**
 * Keeps what an answer will have cost that broke off, or that we broke off: providers go on for a while, bill what they
 * have begun, and say nothing of it.
 */
function notePart({ price }: Place, { request, trail, attempt }: Call, target: Target, fold: Fold): void {
  const usage = estimateUsage(request, fold.parts);
  const cost = price(target, usage, {});
  addSpent(trail, usage, cost);
  if (attempt) Object.assign(attempt, { usage, cost });
}

interface Place extends HttpBackend {
  readonly basePath: string;
}

async function send(
  backend: Place,
  call: Call,
  wire: WireRequest,
  wantsEvents: boolean,
  answer: Answer,
): Promise<void> {
  const { clock } = backend;
  const request = httpRequest(backend, call, wire, wantsEvents);
  const sentMs = clock.now();
  try {
    await exchange(backend.connections, request, call.signal, answer, clock);
  } finally {
    call.trail.upstreamMs += clock.now() - sentMs;
    if (call.attempt) call.attempt.upstreamRequestId = answer.requestId;
  }
}

/** Of what came in with a call, nothing goes to the provider but the contract's fields and the trace's parent. */
function httpRequest({ provider, basePath }: Place, call: Call, wire: WireRequest, wantsEvents: boolean): HttpRequest {
  const { traceparent } = call.span;
  const { traceId, sessionId, sourceAgent } = call.context;
  const ids = { callId: call.id, traceId, sessionId, sourceAgent };
  const headers: Record<string, string> = {
    ...provider.headers(ids, call.key?.value),
    'content-type': 'application/json',
    accept: wantsEvents ? 'text/event-stream' : 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'antiphon',
  };
  if (traceparent) headers.traceparent = traceparent;
  const body = provider.bodyFields ? { ...wire.body, ...provider.bodyFields(ids) } : wire.body;
  return { path: basePath + wire.path, headers, body: JSON.stringify(body) };
}

function response(
  { price, redact }: Place,
  call: Call,
  target: Target,
  wire: WireRequest,
  answer: Answer,
  fold: Fold,
): CompleteResponse {
  const { warnings, usage: counted, billing = {}, finishReason, ...names } = answer.end();
  const usage = counted ?? estimateUsage(call.request, fold.parts);
  addWarnings(call.trail, warnings);
  if (!counted) addWarnings(call.trail, [usageEstimated()]);
  if (wire.unenforced && !conforms(fold.parts, wire.unenforced)) addWarnings(call.trail, [schemaMismatch()]);
  return create(CompleteResponseSchema, {
    ...withoutSecrets(names, redact),
    finishReason,
    content: [...fold.parts],
    usage,
    cost: price(target, usage, billing),
  });
}

type Names = Pick<CompleteResponse, 'providerModel' | 'providerResponseId' | 'providerFinishReason'>;

/** A provider may echo a key anywhere. Looked at together, since that is nearly always enough. */
function withoutSecrets(names: Names, redact: Redact): Names {
  const { providerModel, providerResponseId, providerFinishReason } = names;
  const all = `${providerModel}\n${providerResponseId}\n${providerFinishReason}`;
  if (redact(all) === all) return names;
  return {
    providerModel: redact(providerModel),
    providerResponseId: redact(providerResponseId),
    providerFinishReason: redact(providerFinishReason),
  };
}

/** The provider's words leave only without secrets, and not at all if they repeat the conversation. */
function presentable(error: GatewayError, call: Call, requestId: string, redact: Redact): GatewayError {
  const { detail, upstreamCode, upstreamRequestId, ...facts } = error.facts;
  const id = requestId || redact(upstreamRequestId ?? '');
  return new GatewayError(error.kind, error.message, {
    ...facts,
    ...(id ? { upstreamRequestId: id } : {}),
    ...(upstreamCode ? { upstreamCode: redact(upstreamCode) } : {}),
    ...(detail && !quotesConversation(detail, call.request) ? { detail: redact(detail) } : {}),
  });
}
