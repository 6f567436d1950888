import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Caller } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';

/** A request over HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

export type HttpResponse = Parameters<typeof universalResponseToNodeResponse>[1];

/** Takes a request, or returns false and leaves it to others. `path` is without the query. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse, path: string) => boolean;

/** A way in that takes requests of callers who were let in. */
export interface HttpEntrance {
  /** As an HttpHandler. */
  readonly serve: (request: HttpRequest, response: HttpResponse, path: string, caller: Caller) => boolean;
  /** The same for a request that is not let in: answers in the words of its protocol, and reads nothing of the body. */
  readonly refuse?: (request: HttpRequest, response: HttpResponse, path: string, error: GatewayError) => boolean;
}

export function answerJson(
  response: HttpResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
