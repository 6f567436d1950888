import { type Priority, priorities } from '../../src/core/policy.ts';
import type { ConcurrencySettings } from '../../src/resilience/settings.ts';

export type Outcome = 'granted' | 'aborted' | 'full' | 'too_late' | 'too_long';

interface Waiting {
  readonly id: number;
  readonly priority: Priority;
  readonly flow: string;
  readonly expiresMs: number;
  readonly cause: Outcome;
}

const shares: Readonly<Record<Priority, number>> = { low: 1, normal: 4, high: 16 };

/**
 * What `Turns` promises, in the plainest way: one list of all that wait, which is searched whenever something happens.
 * It keeps a log of how each call ended.
 */
export class TurnsModel {
  readonly log: (readonly [id: number, outcome: Outcome])[] = [];
  settings: ConcurrencySettings;
  nowMs: number;
  active: { readonly id: number; readonly sinceMs: number }[] = [];
  waiting: Waiting[] = [];
  /** Flows of each priority, the next one first. */
  readonly #rounds: Record<Priority, string[]> = { low: [], normal: [], high: [] };
  /** How many wait in each flow, the one that changed last at the end. */
  readonly #lengths: Record<Priority, Map<string, number>> = { low: new Map(), normal: new Map(), high: new Map() };
  readonly #ends: Record<Priority, number> = { low: 0, normal: 0, high: 0 };
  #time = 0;
  #held = 0;
  #turns = 0;

  constructor(settings: ConcurrencySettings, nowMs: number) {
    this.settings = settings;
    this.nowMs = nowMs;
  }

  arrive(id: number, priority: Priority, flow: string, untilMs: number): void {
    const { max, maxQueued, maxWaitMs } = this.settings;
    if (this.active.length < max) return this.#grant(id);
    const leftMs = Math.min(untilMs - this.nowMs, maxWaitMs);
    const cause = untilMs - this.nowMs < maxWaitMs ? 'too_late' : 'too_long';
    const over = (this.active.length - max) / this.active.length;
    if (this.#held * (over + (this.#ahead(priority, flow) + 1) / max) >= leftMs) return this.#log(id, cause);
    if (this.waiting.length >= maxQueued) {
      const victim = this.#victim(priority, flow);
      if (!victim) return this.#log(id, 'full');
      this.#leave(victim, 'full');
    }
    if (this.#of(priority).length === 0) this.#ends[priority] = this.#time + 1 / shares[priority];
    if (!this.#of(priority).some((one) => one.flow === flow)) this.#rounds[priority].push(flow);
    this.waiting.push({ id, priority, flow, expiresMs: this.nowMs + leftMs, cause });
    this.#count(priority, flow);
  }

  release(id: number): void {
    const turn = this.active.find((one) => one.id === id);
    if (!turn) return;
    this.active = this.active.filter((one) => one !== turn);
    this.#turns = Math.min(this.#turns + 1, 16);
    this.#held += (this.nowMs - turn.sinceMs - this.#held) / this.#turns;
    this.#handOn();
  }

  abort(id: number): void {
    const one = this.waiting.find((waiting) => waiting.id === id);
    if (one) this.#leave(one, 'aborted');
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const expired = this.waiting.filter(({ expiresMs }) => expiresMs <= this.nowMs);
    for (const one of expired.toSorted((a, b) => a.expiresMs - b.expiresMs)) this.#leave(one, one.cause);
  }

  resize(settings: ConcurrencySettings): void {
    this.settings = settings;
    this.#handOn();
  }

  #of(priority: Priority): Waiting[] {
    return this.waiting.filter((one) => one.priority === priority);
  }

  /** The youngest of the longest flow of the lowest priority; of flows as long, the one that is so since last. */
  #victim(priority: Priority, flow: string): Waiting | undefined {
    const lowest = priorities.find((one) => this.#of(one).length > 0);
    if (!lowest || priorities.indexOf(lowest) > priorities.indexOf(priority)) return undefined;
    const lengths = this.#lengths[lowest];
    const longest = Math.max(...lengths.values());
    if (lowest === priority && longest <= (lengths.get(flow) ?? 0) + 1) return undefined;
    const [name] = [...lengths].findLast(([, length]) => length === longest) ?? [];
    return this.#of(lowest).findLast((one) => one.flow === name);
  }

  /** Counts a flow anew, as the one that has its length since last. */
  #count(priority: Priority, flow: string): void {
    this.#lengths[priority].delete(flow);
    const { length } = this.#of(priority).filter((one) => one.flow === flow);
    if (length > 0) this.#lengths[priority].set(flow, length);
  }

  #ahead(priority: Priority, flow: string): number {
    const same = this.#of(priority);
    const own = same.filter((one) => one.flow === flow).length;
    const others = new Set(same.map((one) => one.flow).filter((name) => name !== flow)).size;
    const before = Math.min(same.length, own + others * (own + 1));
    const elsewhere = priorities
      .filter((one) => one !== priority)
      .map((one) => Math.min(this.#of(one).length, Math.ceil(((before + 1) * shares[one]) / shares[priority])));
    return elsewhere.reduce((sum, count) => sum + count, before);
  }

  #handOn(): void {
    while (this.active.length < this.settings.max && this.waiting.length > 0) {
      const waits = priorities.filter((one) => this.#of(one).length > 0).reverse();
      const priority = waits.reduce((best, one) => (this.#ends[one] < this.#ends[best] ? one : best));
      this.#time = this.#ends[priority];
      this.#ends[priority] += 1 / shares[priority];
      const [flow = ''] = this.#rounds[priority];
      const next = this.#of(priority).find((one) => one.flow === flow);
      if (!next) throw new Error(`the model has a flow without waiters: ${flow}`);
      this.#remove(next);
      if (this.#rounds[priority][0] === flow) this.#rounds[priority].push(this.#rounds[priority].shift() ?? '');
      this.#grant(next.id);
    }
  }

  #grant(id: number): void {
    this.active.push({ id, sinceMs: this.nowMs });
    this.#log(id, 'granted');
  }

  #leave(one: Waiting, outcome: Outcome): void {
    this.#remove(one);
    this.#log(one.id, outcome);
  }

  #remove(gone: Waiting): void {
    this.waiting = this.waiting.filter((one) => one !== gone);
    const { priority, flow } = gone;
    this.#count(priority, flow);
    if (this.#of(priority).some((one) => one.flow === flow)) return;
    this.#rounds[priority] = this.#rounds[priority].filter((name) => name !== flow);
  }

  #log(id: number, outcome: Outcome): void {
    this.log.push([id, outcome]);
  }
}
