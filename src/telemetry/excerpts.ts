import { tryParseJson } from '../core/json.ts';
import type { Redact } from '../core/redact.ts';

/** As long as a secret can be: the configuration takes no longer keys and headers. */
const LONGEST_SECRET = 8_192;

/**
 * What may be told of texts that callers and models wrote: with secrets masked, and cut after so many characters. A text
 * that is cut says how long it was.
 */
export class Excerpts {
  readonly #redact: Redact;
  readonly #maxCharacters: number;

  constructor(redact: Redact, maxCharacters: number) {
    this.#redact = redact;
    this.#maxCharacters = maxCharacters;
  }

  text(text: string): string {
    const max = this.#maxCharacters;
    const isRead = text.length <= max + LONGEST_SECRET;
    const masked = this.#redact(isRead ? text : text.slice(0, max + LONGEST_SECRET));
    if (isRead && masked.length <= max) return masked;
    // A secret that the end of what was read halves is not known as one.
    const whole = isRead ? masked : masked.slice(0, -LONGEST_SECRET);
    return `${whole.slice(0, max)}... [${text.length} characters]`;
  }

  /** What a text says as JSON, with its texts masked one by one; if it is none or too long, as text. */
  json(text: string): unknown {
    // A secret that JSON has escaped is not known as one, so that no piece of JSON may be told.
    if (text.length > this.#maxCharacters) return `[${text.length} characters of JSON]`;
    const value = tryParseJson(text);
    return value === undefined ? this.text(text) : this.#masked(value);
  }

  #masked(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((each) => this.#masked(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [this.text(key), this.#masked(each)]));
  }
}
