import { Buffer } from 'node:buffer';
import { GatewayError } from '../core/errors.ts';
import type { SseOptions, SseParser } from './sse.ts';

const LF = 10;

/**
 * Reads one JSON value per line, without I/O: each line that is not blank is a frame without a name. Lines end in LF or
 * CR LF; a last line needs no end. Bytes that are not UTF-8 become U+FFFD. It keeps at most `maxEventBytes` of a line.
 *
 * Source: https://github.com/ndjson/ndjson-spec (2026-11-21).
 */
export const ndjsonParser = (options: SseOptions): SseParser => new Parser(options);

class Parser implements SseParser {
  readonly #options: SseOptions;
  /** The beginning of a line whose end has not come. */
  #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(options: SseOptions) {
    this.#options = options;
  }

  push(bytes: Uint8Array): void {
    let from = 0;
    for (;;) {
      const end = bytes.indexOf(LF, from);
      if (end < 0) break;
      this.#keep(bytes.subarray(from, end));
      this.#line();
      from = end + 1;
    }
    this.#keep(bytes.subarray(from));
  }

  end(): void {
    this.#line();
  }

  /** Copied: whoever gave the bytes may use their memory again. */
  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > this.#options.maxEventBytes) throw tooLarge();
    this.#kept.push(Buffer.from(bytes));
  }

  #line(): void {
    const data = Buffer.concat(this.#kept).toString().trim();
    this.#kept = [];
    this.#keptBytes = 0;
    if (data !== '') this.#options.onFrame({ event: '', data });
  }
}

const tooLarge = () =>
  new GatewayError(
    'upstream_too_large',
    "One line of the provider's stream is larger than the gateway accepts. Ask for less.",
  );
