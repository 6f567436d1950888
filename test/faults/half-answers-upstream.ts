import type { Line } from '../support/upstream.ts';

/** How an answer ends before or after it is whole: by HTTP's own framing, and by what happens to the connection. */
export const endings = [
  'chunked, closed',
  'chunked, reset',
  'chunked, ended',
  'until closed, closed',
  'until closed, reset',
  'counted, closed',
] as const;

export type EndingName = (typeof endings)[number];

/** Whether the body is whole as far as HTTP can tell. */
export const isClean = (ending: EndingName): boolean =>
  ending === 'chunked, ended' || ending === 'until closed, closed';

/** Whether bytes that were sent may be lost. */
export const isReset = (ending: EndingName): boolean => ending.endsWith('reset');

/** The first `at` bytes of an answer, and this ending. */
export interface Cut {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly ending: EndingName;
  /** How long the bytes have to be read before a reset. */
  readonly waitMs: number;
}

const head = (framing: string, type: string) => `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\n\r\n`;

const framings = { chunked: 'transfer-encoding: chunked', 'until closed': 'connection: close' };

/** Sends what is left of an answer. */
export function play({ bytes, at, ending, waitMs }: Cut, { socket, send, chunk, endStream }: Line, type: string): void {
  const part = bytes.subarray(0, at);
  const [framing, end] = ending.split(', ');
  if (framing === 'counted') send(head(`content-length: ${bytes.length}`, type));
  else send(head(framings[framing as keyof typeof framings], type));
  if (framing !== 'chunked') send(part);
  else if (at > 0) chunk(part);
  if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), waitMs);
  else if (end === 'ended') endStream();
  else socket.end();
}
