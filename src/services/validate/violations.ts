import { type ErrorKind, type FieldViolation, GatewayError } from '../../core/errors.ts';

/** So many are told; the others will be when these are mended. */
const MOST_TOLD = 50;

/** Collects what is wrong with a request, so that the caller is told all at once. */
export class Violations {
  readonly #found: { kind: ErrorKind; violation: FieldViolation }[] = [];

  /** `path` is in the proto's names, such as `messages[0].role`. */
  add(path: string, description: string, kind: ErrorKind = 'invalid_request'): void {
    if (this.#found.length < MOST_TOLD) this.#found.push({ kind, violation: { field: path, description } });
  }

  check(holds: boolean, path: string, description: string): void {
    if (!holds) this.add(path, description);
  }

  /** The field is in the contract, and this version does not honour it. */
  notYet(isSet: boolean, path: string): void {
    if (isSet) this.add(path, 'is not supported by this version; leave it out', 'field_not_supported');
  }

  /** Whether something was found at this path. */
  has(path: string): boolean {
    return this.#found.some(({ violation }) => violation.field === path);
  }

  get full(): boolean {
    return this.#found.length >= MOST_TOLD;
  }

  /** Throws if anything was found. What breaks a rule comes before what is not supported yet. */
  throwIfAny(): void {
    const invalid = this.#found.filter(({ kind }) => kind === 'invalid_request');
    const told = invalid.length > 0 ? invalid : this.#found;
    const [first] = told;
    if (!first) return;
    const more = told.length > 1 ? ` (and ${told.length - 1} more)` : '';
    const sentence = `The request is not valid: ${first.violation.field} ${first.violation.description}${more}.`;
    throw new GatewayError(first.kind, sentence, { violations: told.map(({ violation }) => violation) });
  }
}

const utf8 = new TextEncoder();

/** Bytes of UTF-8, counted no further than needed. */
export function withinBytes(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return false;
  return text.length * 3 <= maxBytes || utf8.encode(text).length <= maxBytes;
}
