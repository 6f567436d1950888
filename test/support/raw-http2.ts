import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';

/** What came back, as the wire has it. */
export interface RawReply {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** From the trailers, or from the headers of an answer that is nothing else. Undefined: there was none. */
  readonly grpcStatus: number | undefined;
  /** Decoded. */
  readonly grpcMessage: string;
  /** 0: the stream ended well. */
  readonly rstCode: number;
}

export interface RawRequest {
  readonly path: string;
  /** Besides those of a gRPC call; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
}

/** An HTTP/2 client that sends whatever it is told to, well formed or not. */
export interface RawHttp2 {
  readonly session: ClientHttp2Session;
  /** Opens a stream and sends the headers, and nothing else. */
  open(request: RawRequest): ClientHttp2Stream;
  call(request: RawRequest): Promise<RawReply>;
  close(): void;
}

export async function rawHttp2(port: number, options: { windowBytes?: number } = {}): Promise<RawHttp2> {
  const { windowBytes } = options;
  const session = connect(`http://127.0.0.1:${port}`, {
    ...(windowBytes === undefined ? {} : { settings: { initialWindowSize: windowBytes } }),
  });
  session.on('error', () => undefined);
  await once(session, 'connect');
  const open = ({ path, headers }: RawRequest) => {
    const all = { ...GRPC_HEADERS, ...headers, ':path': path };
    return session.request(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  };
  return {
    session,
    open,
    async call(request) {
      const stream = open(request);
      const reply = readReply(stream);
      stream.end(request.body);
      return reply;
    },
    close: () => session.destroy(),
  };
}

const GRPC_HEADERS = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/** A message as gRPC frames it. */
export function grpcFrame(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Reads a stream to its end, however it ends. */
export function readReply(stream: ClientHttp2Stream): Promise<RawReply> {
  const chunks: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  return new Promise((resolve) => {
    stream.on('close', () => {
      const status = trailers['grpc-status'] ?? headers['grpc-status'];
      const message = trailers['grpc-message'] ?? headers['grpc-message'];
      resolve({
        headers,
        trailers,
        body: Buffer.concat(chunks),
        grpcStatus: status === undefined ? undefined : Number(status),
        grpcMessage: decodeURIComponent(String(message ?? '')),
        rstCode: stream.rstCode ?? 0,
      });
    });
  });
}
