import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** One request as the hostile upstream got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Which request this is on its connection, from 0. */
  readonly nth: number;
}

/** What a script may do with a request: whatever a socket can. */
export interface Line {
  readonly request: Received;
  readonly socket: Socket;
  /** Sends bytes as they are. */
  send(data: string | Uint8Array): void;
  /** A whole HTTP answer with a JSON body. */
  json(status: number, body: unknown, headers?: Record<string, string>): void;
  /** The head of a chunked event stream. */
  startStream(): void;
  /** One chunk of the event stream. */
  chunk(text: string | Uint8Array): void;
  /** `data: ...` of this JSON, as one chunk. */
  event(value: unknown): void;
  /** A chat chunk with this text. */
  text(content: string): void;
  /** finish_reason, usage, [DONE], and the end of the chunked body. */
  finish(): void;
  /** The end of the chunked body. */
  endStream(): void;
  /** Sends the same again and again, as fast as it is taken, until the connection is closed; gives the bytes sent. */
  pour(data: string | Uint8Array): Promise<number>;
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;
}

export type Script = (line: Line, n: number) => void | Promise<void>;

export interface Upstream {
  readonly port: number;
  /** "http://127.0.0.1:port/v1" */
  readonly url: string;
  readonly received: readonly Received[];
  /** Connections open now, and ever made. */
  readonly open: number;
  readonly accepted: number;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** Speak TLS, and so. */
  readonly tls?: TlsOptions;
  /** What to do with a connection before any request has come. */
  readonly onConnection?: (socket: Socket) => void;
}

/** A server on loopback that does with every request, byte by byte, what its script says. */
export async function startUpstream(script: Script, options: UpstreamOptions = {}): Promise<Upstream> {
  const { tls, onConnection } = options;
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = tls ? createTlsServer(tls) : createServer();
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket.setNoDelay().setMaxListeners(0));
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    onConnection?.(socket);
  });
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    readRequests(socket, (request) => {
      received.push(request);
      void Promise.resolve(script(lineOf(request, socket), received.length - 1)).catch(() => socket.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/v1`,
    received,
    get open() {
      return sockets.size;
    },
    get accepted() {
      return accepted;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function readRequests(socket: Socket, onRequest: (request: Received) => void): void {
  let buffer = Buffer.alloc(0);
  let nth = 0;
  socket.on('data', (data: Buffer) => {
    buffer = Buffer.concat([buffer, data]);
    for (;;) {
      const end = buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [first = '', ...lines] = buffer.subarray(0, end).toString('latin1').split('\r\n');
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      const length = Number(headers['content-length'] ?? 0);
      if (buffer.length < end + 4 + length) return;
      const [method = '', path = ''] = first.split(' ');
      const body = buffer.subarray(end + 4, end + 4 + length).toString();
      buffer = buffer.subarray(end + 4 + length);
      onRequest({ method, path, headers, body, nth: nth++ });
    }
  });
}

export const chatChunk = (delta: unknown, finish: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'test-model-2026',
  choices: [{ index: 0, delta, finish_reason: finish }],
});

export const chatBody = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'test-model-2026',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
});

function lineOf(request: Received, socket: Socket): Line {
  const send = (data: string | Uint8Array) => {
    if (!socket.destroyed) socket.write(data);
  };
  const chunk = (text: string | Uint8Array) => {
    const bytes = Buffer.from(text);
    send(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]));
  };
  const event = (value: unknown) => chunk(`data: ${JSON.stringify(value)}\n\n`);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return {
    request,
    socket,
    send,
    chunk,
    event,
    json(status, body, headers = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const head = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
        ...headers,
      };
      const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
      send(`HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n${text}`);
    },
    startStream: () => send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'),
    text: (content) => event(chatChunk({ content })),
    finish() {
      event(chatChunk({}, 'stop'));
      event({ ...chatChunk({}), choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } });
      chunk('data: [DONE]\n\n');
      send('0\r\n\r\n');
    },
    endStream: () => send('0\r\n\r\n'),
    async pour(data) {
      while (!socket.destroyed) {
        if (!socket.write(data)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
      }
      return socket.bytesWritten;
    },
    closed,
  };
}
