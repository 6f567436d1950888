import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The types of frames. Source: RFC 9113, section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  continuation: 9,
} as const;

export const FLAG = { none: 0, endStream: 1, endHeaders: 4 } as const;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Headers as they are, not indexed and not compressed. Each name and value is shorter than 127 bytes. */
export const headerBlock = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );

/** Those of a gRPC call. */
export const grpcHeaders = (path: string): Buffer =>
  headerBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
  });

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection that speaks HTTP/2 as badly as it is told to. */
export interface FrameSocket {
  readonly socket: Socket;
  /** What has come so far. */
  readonly frames: readonly ReceivedFrame[];
  /** Sends the same again and again, as fast as it is taken; gives how often, when the other side has closed. */
  flood(bytes: Uint8Array, most: number): Promise<number>;
}

/** `reads`: false leaves unread all that comes. */
export async function frameSocket(port: number, { reads = true } = {}): Promise<FrameSocket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const frames: ReceivedFrame[] = [];
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  if (reads)
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      for (let next = readFrame(rest); next; next = readFrame(rest)) {
        frames.push(next);
        rest = rest.subarray(9 + next.payload.length);
      }
    });
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(FRAME.settings, FLAG.none, 0));
  return {
    socket,
    frames,
    async flood(bytes, most) {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      let sent = 0;
      for (; sent < most && !socket.destroyed; sent++) {
        if (socket.write(bytes)) continue;
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
        socket.removeAllListeners('drain');
      }
      return sent;
    },
  };
}

function readFrame(bytes: Buffer): ReceivedFrame | undefined {
  if (bytes.length < 9) return undefined;
  const length = bytes.readUIntBE(0, 3);
  if (bytes.length < 9 + length) return undefined;
  return {
    type: bytes.readUInt8(3),
    flags: bytes.readUInt8(4),
    stream: bytes.readUInt32BE(5),
    payload: bytes.subarray(9, 9 + length),
  };
}
