import { status as statusNames } from '@grpc/grpc-js';
import type { CallContext } from '#gen/antiphon/v1/completion_pb.js';
import type { Caller } from '../core/call.ts';
import { GatewayError, grpcCode, toGatewayError } from '../core/errors.ts';
import type { Span } from '../core/span.ts';
import type { TracedCall } from '../core/tracing.ts';
import type { Inbound } from '../services/service.ts';
import { callerAttributes } from '../telemetry/gen-ai.ts';
import { loggedError } from '../telemetry/plain-text.ts';
import type { DoorTools } from './settings.ts';
import { type RpcStatus, statusOf } from './status.ts';

/** A call as it arrives at a door. */
export interface Arrival extends TracedCall {
  /** Who calls. Of a call that is refused because nobody knows: anonymous. */
  readonly caller: Caller;
  /** When the caller stops waiting, by the clock; undefined: never. */
  readonly deadlineMs: number | undefined;
}

/** What the headers of a reply say of the call. Names in lower case, values in printable ASCII. */
export type ReplyHeaders = Readonly<Record<string, string>>;

/** How a door answers. One of the two is called, once. */
export interface Reply<T> {
  ok(value: T, headers: ReplyHeaders): void;
  error(status: RpcStatus, headers: ReplyHeaders): void;
}

export type Work<T> = (inbound: Inbound, headers: ReplyHeaders) => Promise<T>;

/** A call being worked on. */
export interface Running {
  /** To be told when the caller cancelled or went away. After the answer it does nothing. */
  callerGone(): void;
}

/**
 * How far before its deadline a call that the caller ends counts as too late, as a share of the time it had: the
 * caller's own timer began before the call arrived, and the transport's may be ahead of the clock here.
 */
const DEADLINE_SLACK_SHARE = 0.05;
const LEAST_SLACK_MS = 20;
const MOST_SLACK_MS = 1_000;

/** The codes that OpenTelemetry counts as errors of a server. https://opentelemetry.io/docs/specs/semconv/rpc/grpc */
const SERVER_FAILURES: ReadonlySet<number> = new Set([
  grpcCode.deadlineExceeded,
  grpcCode.unimplemented,
  grpcCode.internal,
  grpcCode.unavailable,
]);

/** The calls of all doors that are being worked on. */
export class Calls {
  readonly #tools: DoorTools;
  readonly #active = new Set<ActiveCall<never>>();
  #waiting: (() => void)[] = [];

  constructor(tools: DoorTools) {
    this.#tools = tools;
  }

  get active(): number {
    return this.#active.size;
  }

  /**
   * Gives a call its id and context, has the work done, and answers. Never throws: whatever goes wrong becomes an answer.
   *
   * When the caller has gone, or `abortAll` is called, the work's signal aborts and the answer is given at once; the
   * call stays active until the work has ended.
   */
  run<T>(arrival: Arrival, work: Work<T>, reply: Reply<T>): Running {
    const call = new ActiveCall<T>(this.#tools, arrival, reply);
    this.#active.add(call);
    void call.serve(work).then(() => this.#ended(call));
    return call;
  }

  /** Ends every call with this error. */
  abortAll(error: GatewayError): void {
    for (const call of this.#active) call.abort(error);
  }

  /** Resolves when no call is active. */
  idle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #ended<T>(call: ActiveCall<T>): void {
    this.#active.delete(call);
    if (this.#active.size > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }
}

class ActiveCall<T> implements Running {
  readonly #tools: DoorTools;
  readonly #arrival: Arrival;
  readonly #reply: Reply<T>;
  readonly #id: string;
  readonly #abort = new AbortController();
  #headers: ReplyHeaders = {};
  #span: Span | undefined;
  #receivedMs = 0;
  #answered = false;
  #failure: GatewayError | undefined;

  constructor(tools: DoorTools, arrival: Arrival, reply: Reply<T>) {
    this.#tools = tools;
    this.#arrival = arrival;
    this.#reply = reply;
    this.#id = tools.newId();
  }

  async serve(work: Work<T>): Promise<void> {
    try {
      const inbound = this.#open();
      this.#succeed(await work(inbound, this.#headers));
    } catch (thrown) {
      this.#fail(toGatewayError(thrown));
    } finally {
      this.#endSpan();
    }
  }

  callerGone(): void {
    // grpc-js says this of every call that is over.
    if (this.#answered) return;
    const { deadlineMs } = this.#arrival;
    const late = deadlineMs !== undefined && this.#tools.clock.now() >= deadlineMs - this.#slackMs(deadlineMs);
    this.abort(
      late
        ? new GatewayError('deadline_exceeded', 'The deadline passed before the answer was whole.')
        : new GatewayError('cancelled', 'The caller cancelled the call.'),
    );
  }

  #slackMs(deadlineMs: number): number {
    const share = (deadlineMs - this.#receivedMs) * DEADLINE_SLACK_SHARE;
    return Math.min(Math.max(share, LEAST_SLACK_MS), MOST_SLACK_MS);
  }

  abort(reason: GatewayError): void {
    if (this.#answered) return;
    this.#abort.abort(reason);
    this.#fail(reason);
  }

  #open(): Inbound {
    const { tracing, clock } = this.#tools;
    const receivedMs = clock.now();
    this.#receivedMs = receivedMs;
    const { context, span } = tracing.open(this.#arrival);
    this.#span = span;
    this.#headers = replyHeaders(this.#id, context);
    const { caller, deadlineMs } = this.#arrival;
    if (!caller.isAnonymous) span.set(callerAttributes(caller));
    const letGo = (error: GatewayError) => this.#fail(error);
    return { id: this.#id, caller, context, signal: this.#abort.signal, deadlineMs, receivedMs, span, letGo };
  }

  #succeed(value: T): void {
    if (this.#answered) return;
    this.#reply.ok(value, this.#headers);
    this.#answered = true;
  }

  #fail(error: GatewayError): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#failure = error;
    const { log, redact } = this.#tools;
    const fields = { request_id: this.#id, method: this.#arrival.method };
    if (error.kind === 'internal')
      log.error({ ...fields, error: loggedError(error.facts.cause, redact) }, 'a call failed');
    try {
      this.#reply.error(statusOf(error, redact), this.#headers);
    } catch (thrown) {
      log.error({ ...fields, error: loggedError(thrown, redact) }, 'a call could not be answered');
    }
  }

  #endSpan(): void {
    const { code = 0, http = 200 } = this.#failure?.rule ?? {};
    const isHttp = this.#arrival.system === 'http';
    this.#span?.set(isHttp ? { 'http.response.status_code': http } : { 'rpc.status_code': statusNames[code] });
    const isOurs = isHttp ? http >= 500 : SERVER_FAILURES.has(code);
    if (this.#failure && isOurs) this.#span?.fail(this.#failure.kind);
    this.#span?.end();
  }
}

const PRINTABLE = /^[\x20-\x7e]+$/;

/** What is empty, or cannot stand in a header, is left out. */
function replyHeaders(id: string, { traceId, sourceAgent, sessionId }: CallContext): ReplyHeaders {
  const headers: Record<string, string> = { 'x-request-id': id };
  if (PRINTABLE.test(traceId)) headers['x-trace-id'] = traceId;
  if (PRINTABLE.test(sourceAgent)) headers['x-source-agent'] = sourceAgent;
  if (PRINTABLE.test(sessionId)) headers['x-session-id'] = sessionId;
  return headers;
}
