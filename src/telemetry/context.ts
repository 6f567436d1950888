import { create } from '@bufbuild/protobuf';
import { type CallContext, CallContextSchema } from '#gen/antiphon/v1/completion_pb.js';
import { baggageValue, isTraceId, type RemoteParent, remoteParent } from './trace-context.ts';

/** The ids of a call, and the span of the caller that it belongs to. */
export interface ResolvedContext {
  readonly context: CallContext;
  readonly parent?: RemoteParent;
}

const MAX_ID = 128;
const ID = /^[\x20-\x7e]{1,128}$/;

/**
 * Finds out the ids of a call: each from the request's field, else from its own header, else from W3C `traceparent` and
 * `baggage`. An id that breaks the contract's rule (1 to 128 characters from space to "~") counts as not given. Never
 * throws.
 *
 * A trace id is always there: the caller's, else that of `traceparent`, else a new one. One that will be the trace's own
 * id comes back in lower case.
 */
export function resolveContext(
  fields: CallContext | undefined,
  header: (name: string) => string | undefined,
  newTraceId: () => string,
): ResolvedContext {
  const parent = remoteParent(header('traceparent'), header('tracestate'));
  const find = (field: string | undefined, name: string) => valid(field) ?? valid(header(name)?.trim());
  const fromBaggage = (key: string) => valid(baggageValue(header('baggage'), key, MAX_ID));
  const traceId = find(fields?.traceId, 'x-trace-id') ?? parent?.traceId ?? newTraceId();
  const context = create(CallContextSchema, {
    traceId: !parent && isTraceId(traceId) ? traceId.toLowerCase() : traceId,
    sourceAgent: find(fields?.sourceAgent, 'x-source-agent') ?? fromBaggage('source_agent') ?? '',
    sessionId: find(fields?.sessionId, 'x-session-id') ?? fromBaggage('session_id') ?? '',
  });
  return parent ? { context, parent } : { context };
}

const valid = (id: string | undefined): string | undefined => (id !== undefined && ID.test(id) ? id : undefined);
