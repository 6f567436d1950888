import type { Clock, Timer } from '../core/clock.ts';
import { type Store, StoreError, type Tally } from '../stores/store.ts';
import { type FinishedCall, measuresOf } from './measure.ts';
import { addMeasured, counterName, type Measured, measureNames, OTHER, rowName, type UsageRow } from './row.ts';

export interface UsageBookParts {
  readonly store: Pick<Store, 'tally'>;
  readonly clock: Clock;
  /** Unique among the processes that share the store. */
  readonly replica: string;
  /** The labels that usage is counted by. */
  readonly labels: readonly string[];
  /** How long a day is kept. */
  readonly keptMs: number;
  /** Is told that so many counts were lost. */
  readonly lost: (counts: number) => void;
}

export interface UsedCall extends FinishedCall {
  readonly team: string;
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
}

const FLUSH_MS = 1_000;

/** So many rows of one day have a model and labels of their own; those of further ones are `other`. */
const MAX_ROWS = 10_000;
const MAX_LABEL_CHARACTERS = 64;
/** So many seconds may wait for a store that fails: an hour. */
const MAX_WAITING = 3_600;

export const DAY_MS = 24 * 60 * 60 * 1000;

/** The day of a moment, in UTC, as 2026-11-21. */
export const dayAt = (wallMs: number): string => new Date(wallMs).toISOString().slice(0, 10);

export const tableOf = (day: string): string => `usage:${day}`;

/**
 * Counts what calls use, by team, key, provider, model, labels and day. It is written to the store once a second: a
 * process that is killed takes at most that with it. What could not be written is written later, once.
 */
export class UsageBook {
  readonly #parts: UsageBookParts;
  readonly #labels: ReadonlySet<string>;
  /** By day and row. */
  #counts = new Map<string, Map<string, Measured>>();
  readonly #known = new Map<string, Set<string>>();
  readonly #waiting: Tally[] = [];
  #day = { index: Number.NaN, name: '' };
  #written = 0;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;

  constructor(parts: UsageBookParts) {
    this.#parts = parts;
    this.#labels = new Set(parts.labels);
    this.#later();
  }

  add(call: UsedCall): void {
    const day = this.#today();
    const rows = this.#counts.get(day) ?? new Map<string, Measured>();
    this.#counts.set(day, rows);
    const { team, key } = call;
    const labels = this.#labelsOf(call);
    for (const { provider, model, counts } of measuresOf(call)) {
      const name = this.#named({ team, key, provider, model, labels }, day);
      const known = rows.get(name);
      rows.set(name, known ? addMeasured(known, counts) : counts);
    }
  }

  /** Writes what has been counted. Never rejects: what cannot be written waits for the next time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
      this.#later();
    });
    return this.#flushing;
  }

  /** Writes what is left, if the store takes it at once. */
  async close(): Promise<void> {
    await this.flush();
    await this.flush();
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #write(): Promise<void> {
    const { store } = this.#parts;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#close();
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        await store.tally(next);
        this.#waiting.shift();
      }
    } catch (thrown) {
      if (!(thrown instanceof StoreError)) throw thrown;
    }
  }

  #later(): void {
    if (!this.#isClosed) this.#timer ??= this.#parts.clock.after(FLUSH_MS, () => void this.flush());
  }

  /** Makes of what has been counted what is to be written. */
  #close(): void {
    const { replica, keptMs, lost } = this.#parts;
    for (const [day, rows] of this.#counts) {
      const id = `${replica}:${this.#written++}`;
      this.#waiting.push({ table: tableOf(day), id, counts: countersOf(rows), ttlMs: keptMs });
    }
    this.#counts = new Map();
    while (this.#waiting.length > MAX_WAITING) lost(this.#waiting.shift()?.counts.size ?? 0);
    const [today] = [...this.#known.keys()].slice(-1);
    for (const day of this.#known.keys()) if (day !== today) this.#known.delete(day);
  }

  #today(): string {
    const wallMs = this.#parts.clock.wallMs();
    const index = Math.floor(wallMs / DAY_MS);
    if (index !== this.#day.index) this.#day = { index, name: dayAt(wallMs) };
    return this.#day.name;
  }

  #labelsOf({ labels }: UsedCall): Readonly<Record<string, string>> {
    if (this.#labels.size === 0) return NO_LABELS;
    const kept = Object.entries(labels).filter(([name]) => this.#labels.has(name));
    return Object.fromEntries(kept.map(([name, value]) => [name, value.slice(0, MAX_LABEL_CHARACTERS)]));
  }

  #named(row: UsageRow, day: string): string {
    const name = rowName(row);
    const known = this.#known.get(day) ?? new Set();
    this.#known.set(day, known);
    if (known.has(name)) return name;
    if (known.size < MAX_ROWS) {
      known.add(name);
      return name;
    }
    const others = Object.keys(row.labels).map((label) => [label, OTHER]);
    return rowName({ ...row, provider: OTHER, model: OTHER, labels: Object.fromEntries(others) });
  }
}

const NO_LABELS: Readonly<Record<string, string>> = {};

function countersOf(rows: ReadonlyMap<string, Measured>): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  for (const [row, counts] of rows)
    for (const measure of measureNames)
      if (counts[measure] > 0) counters.set(counterName(row, measure), counts[measure]);
  return counters;
}
