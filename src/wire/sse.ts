import { Buffer } from 'node:buffer';
import { GatewayError } from '../core/errors.ts';

/** One server-sent event. */
export interface Frame {
  /** The event's name; empty if it has none. */
  readonly event: string;
  /** The lines of data, joined by newlines. */
  readonly data: string;
}

export interface SseOptions {
  /** The most bytes that one event, or one line of any kind, may have. */
  readonly maxEventBytes: number;
  /** Takes each event as soon as its blank line has come. What it throws, `push` throws. */
  readonly onFrame: (frame: Frame) => void;
}

/** Takes bytes cut anywhere. Errors: `upstream_too_large`, after which it must not be used again. */
export interface SseParser {
  push(bytes: Uint8Array): void;
  /** The bytes are over: an event without its blank line is not an event, and is let go. */
  end(): void;
}

/**
 * Reads server-sent events, without I/O. Lines end in LF, CR LF or CR; comments, `id`, `retry` and unknown fields are
 * skipped. Bytes that are not UTF-8 become U+FFFD. It keeps at most `maxEventBytes` of an unfinished event.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (2026-11-21).
 */
export const sseParser = (options: SseOptions): SseParser => new Parser(options);

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/** A kept line's buffer that has grown beyond this is let go after use. */
const KEPT_BUFFER_BYTES = 65_536;

const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');

class Parser implements SseParser {
  readonly #maxEventBytes: number;
  readonly #onFrame: (frame: Frame) => void;
  #event = '';
  #data: string | undefined;
  /** Bytes of the lines that `#event` and `#data` come from. */
  #eventBytes = 0;
  /** The beginning of a line whose end has not come, in the first `#partialBytes` of `#partial`. */
  #partial = Buffer.alloc(0);
  #partialBytes = 0;
  /** The last byte was a CR: if the next is LF, it belongs to the same line end. */
  #skipLf = false;
  #firstLine = true;

  constructor({ maxEventBytes, onFrame }: SseOptions) {
    this.#maxEventBytes = maxEventBytes;
    this.#onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (chunk.length === 0) return;
    let start = this.#skipLf && chunk[0] === LF ? 1 : 0;
    this.#skipLf = false;
    let cr = chunk.indexOf(CR, start);
    for (;;) {
      if (cr !== -1 && cr < start) cr = chunk.indexOf(CR, start);
      const lf = chunk.indexOf(LF, start);
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      if (end === -1) return this.#keep(chunk, start, chunk.length);
      this.#endLine(chunk, start, end);
      start = end + 1;
      if (end !== cr) continue;
      if (start === chunk.length) this.#skipLf = true;
      else if (chunk[start] === LF) start++;
    }
  }

  end(): void {
    this.#reset();
    this.#partialBytes = 0;
  }

  #endLine(chunk: Buffer, start: number, end: number): void {
    if (this.#partialBytes === 0) return this.#line(chunk, start, end);
    this.#keep(chunk, start, end);
    const { length } = this.#partial;
    const lineBytes = this.#partialBytes;
    this.#partialBytes = 0;
    this.#line(this.#partial, 0, lineBytes);
    if (length > KEPT_BUFFER_BYTES) this.#partial = Buffer.alloc(0);
  }

  /** Copies, since the chunk's memory is not ours. Grows by doubling, so that single bytes cost no more. */
  #keep(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#partialBytes + end - start;
    this.#bound(bytes);
    if (bytes > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#partial.length, 256));
      this.#partial.copy(larger, 0, 0, this.#partialBytes);
      this.#partial = larger;
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end);
    this.#partialBytes = bytes;
  }

  #bound(lineBytes: number): void {
    if (this.#eventBytes + lineBytes <= this.#maxEventBytes) return;
    throw new GatewayError(
      'upstream_too_large',
      "One event of the provider's answer is larger than the gateway accepts. Ask for less, or raise the bound.",
    );
  }

  #line(bytes: Buffer, from: number, end: number): void {
    let start = from;
    if (this.#firstLine) {
      this.#firstLine = false;
      if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) start += 3;
    }
    if (start >= end) return this.#dispatch();
    this.#bound(end - start);
    if (isField(bytes, start, end, DATA)) {
      const value = fieldValue(bytes, start, end, DATA);
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (isField(bytes, start, end, EVENT)) this.#event = fieldValue(bytes, start, end, EVENT);
    else return;
    this.#eventBytes += end - start;
  }

  #dispatch(): void {
    const frame = this.#data === undefined ? undefined : { event: this.#event, data: this.#data };
    this.#reset();
    if (frame) this.#onFrame(frame);
  }

  #reset(): void {
    this.#event = '';
    this.#data = undefined;
    this.#eventBytes = 0;
  }
}

/** Whether a line is of this field: its whole name, then a colon or nothing. */
function isField(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  const after = start + name.length;
  if (after > end || (after < end && bytes[after] !== COLON)) return false;
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

function fieldValue(bytes: Buffer, start: number, end: number, name: Buffer): string {
  const value = start + name.length + 1;
  return bytes.toString('utf8', Math.min(bytes[value] === SPACE ? value + 1 : value, end), end);
}
