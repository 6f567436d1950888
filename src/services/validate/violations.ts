import { type FieldViolation, GatewayError } from '../../core/errors.ts';

/** So many are told; the others will be when these are mended. */
const MOST_TOLD = 50;

/** Collects what is wrong with a request, so that the caller is told all at once. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  /** `path` is in the proto's names, such as `messages[0].role`. */
  add(path: string, description: string): void {
    if (this.#found.length < MOST_TOLD) this.#found.push({ field: path, description });
  }

  check(holds: boolean, path: string, description: string): void {
    if (!holds) this.add(path, description);
  }

  /** Whether something was found at this path. */
  has(path: string): boolean {
    return this.#found.some(({ field }) => field === path);
  }

  get full(): boolean {
    return this.#found.length >= MOST_TOLD;
  }

  /** Errors: `invalid_request` if anything was found. */
  throwIfAny(): void {
    const [first, ...others] = this.#found;
    if (!first) return;
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    const sentence = `The request is not valid: ${first.field} ${first.description}${more}.`;
    throw new GatewayError('invalid_request', sentence, { violations: this.#found });
  }
}

const utf8 = new TextEncoder();

/** Bytes of UTF-8, counted no further than needed. */
export function withinBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return false;
  return text.length * 3 <= maxBytes || utf8.encode(text).length <= maxBytes;
}
