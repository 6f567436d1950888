import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { universalResponseToNodeResponse } from '@connectrpc/connect-node';

/** A request over HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

export type HttpResponse = Parameters<typeof universalResponseToNodeResponse>[1];

/** Takes a request, or returns false and leaves it to others. `path` is without the query. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse, path: string) => boolean;

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
