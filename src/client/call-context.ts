import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CallContextSchema, type CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';

/** A request as a plain object: only what differs from the defaults. */
export type CompleteInit = MessageInitShape<typeof CompleteRequestSchema>;

/** Whose call it is, and how it is made. Set for all calls, or for one, which wins. */
export interface CallSettings {
  /** Who calls, for example "planner". */
  readonly sourceAgent?: string | undefined;
  /** The session or conversation. */
  readonly sessionId?: string | undefined;
  /** The trace, where there is no `traceparent`. */
  readonly traceId?: string | undefined;
  /** The caller's span, as W3C writes it, or where to find it: asked once when a call is asked for. */
  readonly traceparent?: string | (() => string | undefined) | undefined;
  /** Further headers. Those of one call are added to those of all. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long a call may take, all of it, in milliseconds. Unset: as long as the gateway lets it. */
  readonly timeoutMs?: number | undefined;
}

type Ids = Pick<CallSettings, 'sourceAgent' | 'sessionId' | 'traceId'>;

const idsOf = (all: Ids, one: Ids): Ids => ({
  sourceAgent: one.sourceAgent ?? all.sourceAgent,
  sessionId: one.sessionId ?? all.sessionId,
  traceId: one.traceId ?? all.traceId,
});

/** The request with the ids of the call. What the request itself says in `context` wins. */
export function withContext(init: CompleteInit, all: Ids, one: Ids): CompleteInit {
  const { sourceAgent = '', sessionId = '', traceId = '' } = idsOf(all, one);
  const { context } = init;
  return {
    ...init,
    context: create(CallContextSchema, {
      sourceAgent: context?.sourceAgent || sourceAgent,
      sessionId: context?.sessionId || sessionId,
      traceId: context?.traceId || traceId,
    }),
  };
}

/** Headers for every call. */
export function headersOf(all: CallSettings, one: CallSettings): Headers {
  const headers = new Headers(all.headers);
  for (const [name, value] of Object.entries(one.headers ?? {})) headers.set(name, value);
  const traceparent = one.traceparent ?? all.traceparent;
  const written = typeof traceparent === 'function' ? traceparent() : traceparent;
  if (written) headers.set('traceparent', written);
  return headers;
}

const PRINTABLE = /^[\x20-\x7e]+$/;

/** Headers for calls whose request has no place for ids. What no id may be is left out, as the gateway would. */
export function headersWithIds(all: CallSettings, one: CallSettings): Headers {
  const headers = headersOf(all, one);
  const { sourceAgent = '', sessionId = '', traceId = '' } = idsOf(all, one);
  const ids = { 'x-source-agent': sourceAgent, 'x-session-id': sessionId, 'x-trace-id': traceId };
  for (const [name, id] of Object.entries(ids)) if (PRINTABLE.test(id)) headers.set(name, id);
  return headers;
}
