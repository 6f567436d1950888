import { Buffer } from 'node:buffer';
import { GatewayError } from '../core/errors.ts';
import type { SseOptions, SseParser } from './sse.ts';

const LF = 10;

/** The buffer of an unfinished line that has grown beyond this is let go after use. */
const KEPT_BUFFER_BYTES = 65_536;

/**
 * Reads one JSON value per line, without I/O: each line that is not blank is a frame without a name. Lines end in LF or
 * CR LF; a last line needs no end. Bytes that are not UTF-8 become U+FFFD. It keeps at most `maxEventBytes` of a line.
 *
 * Source: https://github.com/ndjson/ndjson-spec (2026-11-21).
 */
export const ndjsonParser = (options: SseOptions): SseParser => new Parser(options);

class Parser implements SseParser {
  readonly #options: SseOptions;
  /** The beginning of a line whose end has not come, in the first `#keptBytes` of `#kept`. */
  #kept = Buffer.alloc(0);
  #keptBytes = 0;

  constructor(options: SseOptions) {
    this.#options = options;
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#endLine(chunk, start, end);
      start = end + 1;
    }
    this.#keep(chunk, start, chunk.length);
  }

  end(): void {
    this.#endLine(Buffer.alloc(0), 0, 0);
  }

  #endLine(chunk: Buffer, start: number, end: number): void {
    if (this.#keptBytes === 0) {
      this.#bound(end - start);
      return this.#line(chunk.toString('utf8', start, end));
    }
    this.#keep(chunk, start, end);
    const text = this.#kept.toString('utf8', 0, this.#keptBytes);
    this.#keptBytes = 0;
    if (this.#kept.length > KEPT_BUFFER_BYTES) this.#kept = Buffer.alloc(0);
    this.#line(text);
  }

  /** Copies, since the chunk's memory is not ours. Grows by doubling, so that single bytes cost no more. */
  #keep(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#keptBytes + end - start;
    this.#bound(bytes);
    if (bytes > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes, 2 * this.#kept.length, 256));
      this.#kept.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    chunk.copy(this.#kept, this.#keptBytes, start, end);
    this.#keptBytes = bytes;
  }

  #bound(lineBytes: number): void {
    if (lineBytes > this.#options.maxEventBytes) throw tooLarge();
  }

  #line(text: string): void {
    const data = text.trim();
    if (data !== '') this.#options.onFrame({ event: '', data });
  }
}

const tooLarge = () =>
  new GatewayError(
    'upstream_too_large',
    "One line of the provider's stream is larger than the gateway accepts. Ask for less, or raise the bound.",
  );
