import { createServer, type Server } from 'node:http';
import { constants, createServer as createHttp2Server, Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import { readFirstBytes } from './first-bytes.ts';
import { answerJson, type HttpHandler, type HttpRequest, type HttpResponse } from './http-message.ts';
import { Http2Sessions } from './http2-sessions.ts';
import { describe } from './rpc.ts';
import type { DoorSettings, DoorTools } from './settings.ts';

const MAX_HEADER_BYTES = 32 * 1024;
/** For a new connection to say anything at all. */
const FIRST_BYTES_TIMEOUT_MS = 10_000;
/** For the headers of a request, and for the whole of it. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 300_000;
/** Longer than the idle timeout of usual load balancers (60 s), so that it is they who end a connection. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** In MB. At Node's default of 10, streams are refused while others on the connection are being uploaded. */
const MAX_SESSION_MEMORY_MB = 256;
/** Node's default of 64 KiB would let a long request wait for the peer's acknowledgement every 64 KiB. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** One server for HTTP/1.1 and cleartext HTTP/2. */
export interface HttpDoor {
  /** The server to listen with. */
  readonly server: Server;
  /** Takes no new connection and tells every client to go. */
  stop(): void;
  /** Ends the connections of HTTP/1.1 that no request is on. */
  closeIdle(): void;
}

/** Asks each handler in turn. While `leaving` says so, connections of HTTP/1.1 end with their next answer. */
export function httpDoor(
  settings: DoorSettings,
  handlers: readonly HttpHandler[],
  tools: DoorTools,
  leaving: () => boolean,
): HttpDoor {
  const sessions = new Http2Sessions(settings, tools.clock);
  const listener = requestListener(handlers, tools, leaving);
  const http2 = createHttp2Server(http2Options(settings), listener);
  http2.on('session', (session) => {
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    sessions.add(session);
  });
  const server = createServer(HTTP1_OPTIONS, listener);
  const serveHttp1 = takeListener(server);
  server.on('connection', (socket: Socket) =>
    readFirstBytes(socket, tools.clock, FIRST_BYTES_TIMEOUT_MS, (speaks) => {
      // The server of HTTP/1.1 accepts sockets that stay half open; HTTP/2 would never end on one.
      if (speaks === 'http2') socket.allowHalfOpen = false;
      if (speaks === 'http2') http2.emit('connection', socket);
      else serveHttp1(socket);
    }),
  );
  return {
    server,
    stop() {
      server.close();
      sessions.closeAll();
    },
    closeIdle: () => server.closeIdleConnections(),
  };
}

const HTTP1_OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
};

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

function requestListener(handlers: readonly HttpHandler[], { log, redact }: DoorTools, leaving: () => boolean) {
  return (request: HttpRequest, response: HttpResponse): void => {
    try {
      stopReadingAfter(request, response);
      if (leaving() && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
      const path = request.url?.split('?', 1)[0] ?? '';
      if (handlers.some((handle) => handle(request, response, path))) return;
      answerJson(response, 404, { code: 'unimplemented', message: 'There is nothing at this path.' });
    } catch (thrown) {
      log.error({ ...describe(thrown, redact) }, 'a request failed');
      request.destroy();
    }
  };
}

/** A caller that was answered before it had sent everything is told to stop; HTTP/2 would go on taking it. */
function stopReadingAfter(request: HttpRequest, response: HttpResponse): void {
  if (!(request instanceof Http2ServerRequest)) { response.once('finish', () => { console.log('FIN', request.destroyed, request.complete, request.readableFlowing, request.socket.destroyed, request.socket.isPaused(), request.listenerCount('readable')); request.resume(); setTimeout(() => console.log('later', request.complete, request.readableFlowing, request.socket.isPaused()), 200)}); return; }
  const { stream } = request;
  response.once('finish', () => {
    if (!request.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}
