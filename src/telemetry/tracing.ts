import { type Context, createTraceState, ROOT_CONTEXT, TraceFlags, type Tracer, trace } from '@opentelemetry/api';
import type { CallContext } from '#gen/antiphon/v1/completion_pb.js';
import type { TracedCall, Tracing } from '../core/tracing.ts';
import { resolveContext } from './context.ts';
import { newSpanId, newTraceId } from './ids.ts';
import { carriedSpan, startSpan } from './spans.ts';
import { formatTraceparent, isTraceId, type RemoteParent } from './trace-context.ts';

/** Records nothing. The caller's `traceparent` goes on as it came, and a call without one gets a new one. */
export const carryingTracing: Tracing = {
  open({ fields, header }) {
    const { context, parent } = resolveContext(fields, header, newTraceId);
    const span = carriedSpan(() =>
      parent
        ? formatTraceparent(parent.traceId, parent.spanId, parent.sampled)
        : formatTraceparent(isTraceId(context.traceId) ? context.traceId : newTraceId(), newSpanId(), false),
    );
    return { context, span };
  },
};

/** Makes the ids of spans; the next trace can be given its id, which is how a caller's own becomes the trace's. */
export class TraceIds {
  #next: string | undefined;

  /** Runs `start`, and gives the trace that it begins this id. */
  with<T>(traceId: string, start: () => T): T {
    this.#next = traceId;
    try {
      return start();
    } finally {
      this.#next = undefined;
    }
  }

  generateTraceId(): string {
    return this.#next ?? newTraceId();
  }

  generateSpanId(): string {
    return newSpanId();
  }
}

/** Records a SERVER span for every call. `ids` makes the ids of `tracer`, and is not asked for one under a parent. */
export const recordingTracing = (tracer: Tracer, ids: TraceIds): Tracing => ({
  open(call) {
    const { context, parent } = resolveContext(call.fields, call.header, newTraceId);
    const start = () => startSpan(tracer, call.method, 'server', parent ? remoteContext(parent) : ROOT_CONTEXT);
    const span = isTraceId(context.traceId) ? ids.with(context.traceId, start) : start();
    span.set(serverAttributes(call, context));
    return { context, span };
  },
});

function remoteContext({ traceId, spanId, sampled, tracestate }: RemoteParent): Context {
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const traceState = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) };
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...traceState });
}

const serverAttributes = (call: TracedCall, { traceId, sourceAgent, sessionId }: CallContext) => ({
  ...doorAttributes(call),
  'antiphon.trace_id': traceId,
  'antiphon.source_agent': sourceAgent || undefined,
  'antiphon.session_id': sessionId || undefined,
  'gen_ai.conversation.id': sessionId || undefined,
});

/**
 * Source of the names: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ and
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (2026-11-21).
 */
function doorAttributes({ method, system }: TracedCall) {
  if (system !== 'http') return { 'rpc.system.name': system, 'rpc.method': method };
  const [verb, route] = method.split(' ', 2);
  return { 'http.request.method': verb, 'http.route': route };
}
