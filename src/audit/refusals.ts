import type { AuditNote } from '../core/audit-note.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { ErrorKind } from '../core/errors.ts';

/** A call that was refused. */
export interface Refusal {
  readonly actor: string;
  readonly team: string;
  /** The model, as "provider/id". Empty: not known. */
  readonly object: string;
  readonly because: ErrorKind;
  readonly requestId: string;
}

export interface RefusalsParts {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  /** So many have a note of their own. */
  readonly perMinute: number;
  readonly note: (note: AuditNote) => void;
}

/** What governance, budgets and access refuse. What is wrong with a request or a provider is no matter of an audit. */
const audited: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unauthenticated',
  'permission_denied',
  'model_not_allowed',
  'rate_limited',
  'budget_exceeded',
]);

const MINUTE_MS = 60_000;
/** So many callers are told of by name; the others are counted together. */
const MAX_CALLERS = 20;
const OTHERS = '(others)';
const ACTION = 'call.refused';

/** Notes refused calls, so many a minute; what comes beyond that is one note at the end of the minute. */
export class Refusals {
  readonly #parts: RefusalsParts;
  #minuteEndsMs = Number.NEGATIVE_INFINITY;
  #noted = 0;
  #counted = 0;
  #reasons = new Map<ErrorKind, number>();
  #callers = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(parts: RefusalsParts) {
    this.#parts = parts;
  }

  add(refusal: Refusal): void {
    if (!audited.has(refusal.because)) return;
    const { clock, perMinute, note } = this.#parts;
    if (clock.now() >= this.#minuteEndsMs) this.#begin(clock.now());
    if (this.#noted >= perMinute) return this.#count(refusal);
    this.#noted++;
    const { actor, team, object, because: refusedBecause, requestId } = refusal;
    note({ actor, team, action: ACTION, object, refusedBecause, requestId });
  }

  /** Notes what was counted. */
  close(): void {
    this.#tell();
  }

  #begin(nowMs: number): void {
    this.#tell();
    this.#minuteEndsMs = nowMs + MINUTE_MS;
    this.#noted = 0;
  }

  #count({ actor, because }: Refusal): void {
    const caller = this.#callers.has(actor) || this.#callers.size < MAX_CALLERS ? actor : OTHERS;
    this.#counted++;
    this.#reasons.set(because, (this.#reasons.get(because) ?? 0) + 1);
    this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1);
    const { clock } = this.#parts;
    this.#timer ??= clock.after(this.#minuteEndsMs - clock.now(), () => this.#tell());
  }

  #tell(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#counted === 0) return;
    const after = {
      calls: this.#counted,
      reasons: Object.fromEntries(this.#reasons),
      callers: Object.fromEntries(this.#callers),
    };
    const [because] = this.#reasons.keys();
    this.#counted = 0;
    this.#reasons = new Map();
    this.#callers = new Map();
    const nobody = { actor: '', team: '', object: '', requestId: '' };
    this.#parts.note({ ...nobody, action: ACTION, refusedBecause: because, after });
  }
}
