import type { Caller } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Inbound, LlmService } from '../services/service.ts';
import { MAX_TIMEOUT_MS } from './connect.ts';
import { answerJson, type HttpRequest, type HttpResponse } from './http-message.ts';
import type { Arrival, Calls, Reply, ReplyHeaders, Work } from './rpc.ts';
import type { DoorTools } from './settings.ts';

/** What a call over plain HTTP works with. */
export interface HttpCallParts {
  readonly calls: Calls;
  readonly tools: Pick<DoorTools, 'clock'>;
}

/** How long the caller waits, in milliseconds, counted from when its request is whole. */
const TIMEOUT_HEADER = 'x-antiphon-timeout-ms';

/** A header of a request by its lower-case name. */
export const headerOf =
  ({ headers }: HttpRequest) =>
  (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };

/** A call over plain HTTP, as it arrives. `method`: as in TracedCall. */
export function httpArrival(
  request: HttpRequest,
  method: string,
  system: Arrival['system'],
  caller: Caller,
  { now }: Pick<Clock, 'now'>,
): Arrival {
  const header = headerOf(request);
  const timeoutMs = timeoutOf(header(TIMEOUT_HEADER));
  const deadlineMs = timeoutMs === undefined ? undefined : now() + timeoutMs;
  return { method, system, caller, fields: undefined, header, deadlineMs };
}

/** Undefined: none is given, or none that counts; `checkTimeout` tells which. */
function timeoutOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Number(text);
  return ms >= 1 && ms <= MAX_TIMEOUT_MS ? ms : undefined;
}

/** Errors: `invalid_request` if the caller gave a timeout that cannot be read. */
export function checkTimeout(request: HttpRequest): void {
  const text = headerOf(request)(TIMEOUT_HEADER);
  if (text === undefined || timeoutOf(text) !== undefined) return;
  throw new GatewayError(
    'invalid_request',
    `The header ${TIMEOUT_HEADER} must be a number from 1 to ${MAX_TIMEOUT_MS}.`,
  );
}

/**
 * Runs a call that came over plain HTTP. `route` is the method and the path, without what callers write into it. When
 * the caller goes away before the answer has been sent, the work's signal aborts.
 */
export function runHttpCall<T>(
  { calls, tools }: HttpCallParts,
  request: HttpRequest,
  response: HttpResponse,
  caller: Caller,
  route: string,
  work: Work<T>,
  reply: Reply<T>,
): void {
  const running = calls.run(httpArrival(request, route, 'http', caller, tools.clock), work, reply);
  whenGone(response, () => running.callerGone());
}

/** What `read` makes of what came. A call that it refuses is in the log and the metrics all the same. */
export function readOrRecord<T>(read: () => T, service: Pick<LlmService, 'refuse'>, inbound: Inbound): T {
  try {
    return read();
  } catch (thrown) {
    service.refuse(thrown, inbound);
    throw thrown;
  }
}

/** Runs `task` when the caller goes away, or the answer is over. */
export function whenGone(response: HttpResponse, task: () => void): void {
  if (response.destroyed) task();
  else response.once('close', task);
}

/** Answers with JSON, unless the caller has gone. */
export function replyJson(response: HttpResponse, status: number, headers: ReplyHeaders, body: unknown): void {
  if (!response.destroyed && !response.headersSent) answerJson(response, status, body, headers);
}
