import { cors } from '@connectrpc/connect';
import type { HttpHandler, HttpRequest } from './http-message.ts';

const METHODS = cors.allowedMethods.join(', ');

const REQUEST_HEADERS = [
  ...cors.allowedHeaders,
  'Authorization',
  'Baggage',
  'Idempotency-Key',
  'Traceparent',
  'Tracestate',
  'X-Request-Id',
  'X-Session-Id',
  'X-Source-Agent',
  'X-Trace-Id',
].join(', ');

/** Further ones that a page may send: those of the gateway, and those with which OpenAI's clients say what they are. */
const FURTHER_HEADER = /^x-(?:antiphon|stainless)-[a-z-]{1,64}$/i;
const MOST_FURTHER = 32;

const REPLY_HEADERS = [
  ...cors.exposedHeaders,
  'Grpc-Retry-Pushback-Ms',
  'Retry-After',
  'Retry-After-Ms',
  'X-Request-Id',
  'X-Session-Id',
  'X-Should-Retry',
  'X-Source-Agent',
  'X-Trace-Id',
].join(', ');

/** How long a browser may remember the answer to a preflight: two hours, the most that Chromium keeps. */
const MAX_AGE_SECONDS = 7200;

/**
 * Lets web pages of these origins call; "*" stands for any. Answers preflights, and leaves every other request to the
 * handlers after it. A page of another origin gets no permission, and its browser stops it.
 */
export function corsHandler(origins: readonly string[]): HttpHandler {
  const allowed = new Set(origins);
  return (request, response) => {
    const { origin } = request.headers;
    if (typeof origin !== 'string' || allowed.size === 0) return false;
    const permitted = allowed.has('*') || allowed.has(origin);
    response.setHeader('vary', 'Origin');
    if (permitted) response.setHeader('access-control-allow-origin', origin);
    if (request.method !== 'OPTIONS' || !request.headers['access-control-request-method']) {
      if (permitted) response.setHeader('access-control-expose-headers', REPLY_HEADERS);
      return false;
    }
    if (permitted) {
      response.setHeader('access-control-allow-methods', METHODS);
      response.setHeader('access-control-allow-headers', allowedHeaders(request));
      response.setHeader('access-control-max-age', String(MAX_AGE_SECONDS));
    }
    response.writeHead(204);
    response.end();
    return true;
  };
}

/** The known ones, and those of the further ones that are asked for. */
function allowedHeaders({ headers }: HttpRequest): string {
  const asked = String(headers['access-control-request-headers'] ?? '').split(',', MOST_FURTHER);
  const further = asked.map((name) => name.trim()).filter((name) => FURTHER_HEADER.test(name));
  return [REQUEST_HEADERS, ...further].join(', ');
}
