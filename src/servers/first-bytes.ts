import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';

/** How an HTTP/2 connection begins (RFC 9113, 3.4). No method of HTTP/1.1 begins with these three letters. */
const PREFACE = Buffer.from('PRI');

/**
 * Finds out by its first bytes whether a connection speaks HTTP/2, and hands it on as if nothing had been read.
 *
 * The socket must not be paused or resumed by hand here: HTTP/2 would never start on it. A connection that does not say
 * what it speaks within `timeoutMs` is closed.
 */
export function readFirstBytes(
  socket: Socket,
  clock: Clock,
  timeoutMs: number,
  handOn: (speaks: 'http1' | 'http2') => void,
): void {
  let seen = Buffer.alloc(0);
  const timer = clock.after(timeoutMs, () => socket.destroy());
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (!chunk) return;
    seen = Buffer.concat([seen, chunk]);
    const begins = seen.subarray(0, PREFACE.length);
    const http2 = begins.equals(PREFACE.subarray(0, begins.length));
    if (http2 && begins.length < PREFACE.length) return;
    stop();
    socket.unshift(seen);
    handOn(http2 ? 'http2' : 'http1');
  };
  const close = () => {
    stop();
    socket.destroy();
  };
  const stop = () => {
    timer.cancel();
    socket.off('readable', onReadable).off('end', close).off('error', close).off('close', stop);
  };
  socket.on('readable', onReadable).on('end', close).on('error', close).on('close', stop);
}
