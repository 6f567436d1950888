import { createServer, type Server } from 'node:http';
import { constants, createServer as createHttp2Server, Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { loggedError } from '../telemetry/plain-text.ts';
import { readFirstBytes } from './first-bytes.ts';
import { answerJson, type HttpHandler, type HttpRequest, type HttpResponse } from './http-message.ts';
import { Http2Sessions } from './http2-sessions.ts';
import type { DoorSettings, DoorTools } from './settings.ts';
import { type TlsMaterial, tlsLayer } from './tls.ts';

const MAX_HEADER_BYTES = 32 * 1024;
/** For a new connection to say anything at all. */
const FIRST_BYTES_TIMEOUT_MS = 10_000;
/** For the headers of a request, and for the whole of it. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** How often these two are looked at. */
const CHECKING_INTERVAL_MS = 5_000;
/** For a caller of HTTP/1.1 to finish a request that was already answered. */
const LINGER_MS = 5_000;
/** Longer than the idle timeout of usual load balancers (60 s), so that it is they who end a connection. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** In MB. At Node's default of 10, streams are refused while others on the connection are being uploaded. */
const MAX_SESSION_MEMORY_MB = 256;
/** Node's default of 64 KiB would let a long request wait for the peer's acknowledgement every 64 KiB. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** What node:http allows a connection. Times in milliseconds, sizes in bytes. */
export const http1Limits = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  connectionsCheckingInterval: CHECKING_INTERVAL_MS,
};

export type Http1Limits = typeof http1Limits;

/** One server for HTTP/1.1 and HTTP/2. */
export interface HttpDoor {
  /** The server to listen with. */
  readonly server: Server;
  /** As TlsLayer does. Without TLS it does nothing. */
  renewTls(material: TlsMaterial): void;
  /** Tells every client to go: with GOAWAY, and by closing each connection of HTTP/1.1 once it is idle. */
  stop(): void;
}

/** Asks each handler in turn. With `material`, all connections are by TLS. While `leaving` says so, connections of HTTP/1.1 end with their next answer. */
export function httpDoor(
  settings: DoorSettings,
  handlers: readonly HttpHandler[],
  tools: DoorTools,
  leaving: () => boolean,
  limits: Http1Limits = http1Limits,
  material?: TlsMaterial,
): HttpDoor {
  let stopped = false;
  const sessions = new Http2Sessions(settings, tools.clock);
  const closeIdle = () => server.closeIdleConnections();
  const answer = requestListener(handlers, tools, leaving);
  const listener = (request: HttpRequest, response: HttpResponse) => {
    response.once('close', () => stopped && tools.clock.after(0, closeIdle));
    answer(request, response);
  };
  const http2 = createHttp2Server(http2Options(settings), listener);
  // Without it Node tells every caller to go on, also one that is about to be refused.
  http2.on('checkContinue', listener);
  http2.on('session', (session) => {
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    sessions.add(session);
  });
  // A caller that vanished is found by TCP's own probes: HTTP/1.1 has none.
  const probes = { keepAlive: true, keepAliveInitialDelay: settings.keepaliveTimeMs };
  const server = createServer({ ...limits, ...probes }, listener).on('checkContinue', listener);
  const serveHttp1 = takeListener(server);
  const serveHttp2 = (socket: Socket) => {
    // The server of HTTP/1.1 accepts sockets that stay half open; HTTP/2 would never end on one.
    socket.allowHalfOpen = false;
    http2.emit('connection', socket);
  };
  const serve = (socket: Socket) =>
    readFirstBytes(socket, tools.clock, FIRST_BYTES_TIMEOUT_MS, (speaks) =>
      speaks === 'http2' ? serveHttp2(socket) : serveHttp1(socket),
    );
  const tls =
    material &&
    tlsLayer(material, ['h2', 'http/1.1'], (socket) =>
      socket.alpnProtocol === 'h2' ? serveHttp2(socket) : serve(socket),
    );
  server.on('connection', tls ? (socket: Socket) => tls.take(socket) : serve);
  return {
    server,
    renewTls: (next) => tls?.renew(next),
    stop() {
      stopped = true;
      sessions.closeAll();
      closeIdle();
    },
  };
}

const http2Options = ({ maxConcurrentStreams }: DoorSettings) => ({
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  settings: {
    maxConcurrentStreams,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxHeaderListSize: MAX_HEADER_BYTES,
  },
});

/**
 * What serves a connection, taken off the server so that it may be called later. The server itself goes on listening:
 * only one that listens enforces its timeouts.
 */
function takeListener(server: Server): (socket: Socket) => void {
  const [serve] = server.listeners('connection');
  if (!serve) throw new Error('node:http no longer serves connections by a listener');
  server.removeAllListeners('connection');
  return (socket) => serve.call(server, socket);
}

function requestListener(handlers: readonly HttpHandler[], { clock, log, redact }: DoorTools, leaving: () => boolean) {
  return (request: HttpRequest, response: HttpResponse): void => {
    try {
      dropRest(request, response, clock);
      if (leaving() && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
      const path = request.url?.split('?', 1)[0] ?? '';
      if (handlers.some((handle) => handle(request, response, path))) return;
      answerJson(response, 404, { code: 'unimplemented', message: 'There is nothing at this path.' });
    } catch (thrown) {
      log.error({ error: loggedError(thrown, redact) }, 'a request failed');
      request.destroy();
    }
  };
}

/**
 * A caller may be answered before it has sent everything. HTTP/2 tells it to stop. HTTP/1.1 cannot, and a connection left
 * unread would stall, or break before the answer was read: so the rest is read and dropped, for a while.
 */
function dropRest(request: HttpRequest, response: HttpResponse, clock: Clock): void {
  if (request instanceof Http2ServerRequest) {
    const { stream } = request;
    const close = () => {
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    };
    // Not on the stream's 'finish', which comes before the trailers, nor the response's, which comes with the stream's end.
    stream.once('wantTrailers', () => clock.after(0, close));
    return;
  }
  response.once('finish', () => {
    if (request.readableEnded) return;
    request.resume();
    if (request.complete) return;
    const timer = clock.after(LINGER_MS, () => request.socket.destroy());
    request.once('close', () => timer.cancel());
  });
}
