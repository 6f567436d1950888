import { anonymous, type Caller } from '../core/call.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import { headerOf } from './http-call.ts';
import {
  answerJson,
  type HttpEntrance,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
} from './http-message.ts';
import { isOpenMethod } from './open-methods.ts';
import type { DoorTools } from './settings.ts';

/**
 * Lets callers in before anything but the headers of their requests is read. A request that is not let in is refused
 * whatever it asked for, also at a path where nothing is.
 */
export function entryHandler(entrances: readonly HttpEntrance[], { access }: Pick<DoorTools, 'access'>): HttpHandler {
  const admit = (request: HttpRequest, path: string): Caller | GatewayError => {
    if (isOpenMethod(path)) return anonymous;
    try {
      return access.authenticate(keyHeader(request));
    } catch (thrown) {
      return toGatewayError(thrown);
    }
  };
  return (request, response, path) => {
    const caller = admit(request, path);
    if (!(caller instanceof Error)) {
      if (asksFirst(request)) response.writeContinue();
      return entrances.some(({ serve }) => serve(request, response, path, caller));
    }
    if (caller.kind === 'unauthenticated') response.setHeader('www-authenticate', 'Bearer');
    const isRefused = entrances.some(({ refuse }) => refuse?.(request, response, path, caller));
    if (!isRefused) answerRefusal(response, caller);
    return true;
  };
}

/** Whether the body comes only if it is asked for. */
const asksFirst = ({ headers }: HttpRequest): boolean => /\b100-continue\b/i.test(headers.expect ?? '');

function answerRefusal(response: HttpResponse, { rule, kind, message }: GatewayError): void {
  answerJson(response, rule.http, { code: kind, message });
}

/**
 * The headers with nothing left out: of a header such as `authorization` Node keeps the first one only, and drops what
 * a proxy before it may have gone by.
 */
function keyHeader(request: HttpRequest): (name: string) => string | undefined {
  const lookUp = headerOf(request);
  return (name) => {
    const value = lookUp(name);
    return value === undefined ? undefined : everyValue(request.rawHeaders, name).join(', ');
  };
}

/** `raw`: names and values by turns. */
const everyValue = (raw: readonly string[], name: string): readonly string[] =>
  raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === name);
