import type { RetrySettings } from './settings.ts';

type Limits = Pick<RetrySettings, 'budgetPercent' | 'budgetFloor'>;

/**
 * How many tries a provider gets besides the first ones: a share of the calls that are with it, so that repeats cannot
 * multiply the load of a provider that is failing already. One budget for all that asks for more: repeats, hedges and
 * calls that come over from another provider. All that it gives back is undone once, however often that is called.
 *
 * Idea: Envoy's retry budget, which replaces a fixed number of retries by a share of the active requests. Source:
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/circuit_breaker.proto (2026-11-21).
 */
export class RetryBudget {
  #limits: Limits;
  #active = 0;
  #extra = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Counts a call that is with the provider, also while it waits for its next try or for a turn. */
  enter(): () => void {
    this.#active++;
    return once(() => this.#active--);
  }

  /** Permission for one further try, to be given back when that is over. Undefined: there is none. */
  take(): (() => void) | undefined {
    const { budgetPercent, budgetFloor } = this.#limits;
    const allowed = Math.max(budgetFloor, Math.floor((budgetPercent * this.#active) / 100));
    return this.#extra < allowed ? this.count() : undefined;
  }

  /**
   * Counts a further try that needs no permission: a call that comes over from another provider. If it were refused,
   * the failure of one provider would fail calls that this one can answer; but while there are many of them, there is
   * less room for repeats and hedges.
   */
  count(): () => void {
    this.#extra++;
    return once(() => this.#extra--);
  }

  /** What was given before counts on. */
  reconfigure(limits: Limits): void {
    this.#limits = limits;
  }
}

function once(undo: () => void): () => void {
  let done = false;
  return () => {
    if (!done) undo();
    done = true;
  };
}
