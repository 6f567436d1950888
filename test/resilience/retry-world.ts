import type { Clock } from '../../src/core/clock.ts';
import { RetryBudget } from '../../src/resilience/retry-budget.ts';
import type { RetrySettings } from '../../src/resilience/settings.ts';
import { settle } from '../support/calls.ts';

/** What must hold in a simulation, whatever happens in it. */
export function law(holds: boolean, said: string): void {
  if (!holds) throw new Error(said);
}

/** Time that jumps, and chance that can be repeated. */
export class World implements Clock {
  readonly #timers = new Set<{ readonly dueMs: number; readonly task: () => void }>();
  #nowMs = 0;
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  now = (): number => this.#nowMs;
  wallMs = (): number => this.#nowMs;

  /** Mulberry32. */
  random = (): number => {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  after = (delayMs: number, task: () => void) => {
    law(delayMs >= 0, `a timer was set for ${delayMs} ms`);
    const timer = { dueMs: this.#nowMs + delayMs, task };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  };

  /** Runs until nothing waits any more. */
  async run(): Promise<void> {
    for (await settle(); this.#timers.size > 0; await settle()) {
      let dueMs = Number.POSITIVE_INFINITY;
      for (const timer of this.#timers) dueMs = Math.min(dueMs, timer.dueMs);
      this.#nowMs = dueMs;
      for (const timer of [...this.#timers]) {
        if (timer.dueMs === dueMs && this.#timers.delete(timer)) timer.task();
      }
    }
  }
}

/** Counts what the real budget gives, and holds it against its own rule. */
export class WatchedBudget {
  readonly #budget: RetryBudget;
  readonly #limits: RetrySettings;
  active = 0;
  extra = 0;
  taken = 0;

  constructor(limits: RetrySettings) {
    this.#limits = limits;
    this.#budget = new RetryBudget(limits);
  }

  get allowed(): number {
    const { budgetPercent, budgetFloor } = this.#limits;
    return Math.max(budgetFloor, Math.floor((budgetPercent * this.active) / 100));
  }

  enter(): () => void {
    this.active++;
    return this.#once(this.#budget.enter(), () => this.active--);
  }

  take(): (() => void) | undefined {
    const giveBack = this.#budget.take();
    law((giveBack !== undefined) === this.extra < this.allowed, `${this.extra} further tries of ${this.allowed}`);
    if (!giveBack) return undefined;
    this.extra++;
    this.taken++;
    return this.#once(giveBack, () => {
      this.extra--;
      this.taken--;
    });
  }

  count(): () => void {
    this.extra++;
    return this.#once(this.#budget.count(), () => this.extra--);
  }

  #once(undo: () => void, also: () => void): () => void {
    let done = false;
    return () => {
      undo();
      if (!done) also();
      done = true;
    };
  }
}
