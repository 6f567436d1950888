import type { AlertKind } from '../core/alert.ts';
import type { Clock } from '../core/clock.ts';
import { type ErrorKind, errorRule } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { type OutcomeSummary, Outcomes } from '../resilience/outcomes.ts';
import { SlidingWindow } from '../resilience/sliding-window.ts';
import type { AlertSettings } from './settings.ts';
import { Threshold } from './threshold.ts';

/** A call that is over. */
export interface EndedCall {
  /** Where it was answered or last tried. Undefined: it had none. */
  readonly target: Target | undefined;
  /** Undefined: it succeeded. */
  readonly error: ErrorKind | undefined;
  readonly durationMs: number;
  /** How often providers were asked. */
  readonly tries: number;
  /** What all of them cost together. */
  readonly nanoUsd: number;
}

export interface CallAlertsParts {
  readonly clock: Pick<Clock, 'now'>;
  /** Is told once when a threshold is reached, and again only when it has been good in between. */
  readonly tell: Tell;
}

/** Who calls them in what alerts say. No model is called so, since a model has a slash. */
export const ALL_CALLS = 'all calls';

const HOUR_MS = 3_600_000;
const MINUTES = 60;
const NANOS = 1e9;

/** So many models are looked at, those called last. Of one that was forgotten, something may be told twice. */
const MAX_SUBJECTS = 500;

/** What is looked at of a model, or of all calls. */
interface Watched {
  readonly outcomes: Outcomes;
  readonly errors: Threshold;
  readonly latency: Threshold;
}

/**
 * Looks at the calls that end: how many fail and how long they take, for each model and for all of them; and what an
 * hour costs. What callers or policy are to blame for is not looked at, nor is what no provider was asked for.
 */
export class CallAlerts {
  readonly #parts: CallAlertsParts;
  #settings: AlertSettings;
  /** Those called last at the end. */
  #watched = new Map<string, Watched>();
  #costs = costWindow();
  #cost = new Threshold();

  constructor(settings: AlertSettings, parts: CallAlertsParts) {
    this.#settings = settings;
    this.#parts = parts;
  }

  /** Takes on other settings. If they differ, all begins anew. */
  configure(settings: AlertSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#watched = new Map();
    this.#costs = costWindow();
    this.#cost = new Threshold();
  }

  /** How many models are looked at, with all calls as one of them. */
  get size(): number {
    return this.#watched.size;
  }

  add(call: EndedCall): void {
    if (this.#settings.nanoUsdPerHour !== undefined && call.nanoUsd > 0) this.#spent(call.nanoUsd);
    if (this.#settings.errorRate === undefined && this.#settings.latencyP95Ms === undefined) return;
    if (!says(call)) return;
    this.#ended(ALL_CALLS, call);
    if (call.target) this.#ended(`${call.target.provider}/${call.target.model}`, call);
  }

  #spent(nanoUsd: number): void {
    const nowMs = this.#parts.clock.now();
    const sum = () => this.#costs.fold(nowMs, 0, (spent, bucket) => spent + bucket.nanoUsd);
    // What has become less by time alone may have been good before this call.
    this.#pass('cost', ALL_CALLS, this.#cost, sum(), this.#settings.nanoUsdPerHour, NANOS);
    this.#costs.at(nowMs).nanoUsd += nanoUsd;
    this.#pass('cost', ALL_CALLS, this.#cost, sum(), this.#settings.nanoUsdPerHour, NANOS);
  }

  #ended(subject: string, { error, durationMs }: EndedCall): void {
    const { outcomes, errors, latency } = this.#watch(subject);
    if (outcomes.calls === 0) for (const each of [errors, latency]) each.reset();
    if (error === undefined) outcomes.succeeded(durationMs);
    else outcomes.failed(error);
    const { errorRate, latencyP95Ms, minCalls } = this.#settings;
    const { calls, failures, ...found }: OutcomeSummary = Outcomes.summary([outcomes]);
    if (calls >= minCalls) this.#pass('error_rate', subject, errors, found.errorRate, errorRate);
    if (calls - failures >= minCalls) this.#pass('latency', subject, latency, found.p95Ms, latencyP95Ms);
  }

  #watch(subject: string): Watched {
    const { clock } = this.#parts;
    const outcomes = () => new Outcomes(clock, this.#settings.windowMs);
    const watched = this.#watched.get(subject) ?? {
      outcomes: outcomes(),
      errors: new Threshold(),
      latency: new Threshold(),
    };
    this.#watched.delete(subject);
    this.#watched.set(subject, watched);
    const [oldest] = this.#watched.keys();
    if (this.#watched.size > MAX_SUBJECTS && oldest !== undefined) this.#watched.delete(oldest);
    return watched;
  }

  /** `unit`: how many of what is counted are one of what is told. */
  #pass(
    kind: Exclude<AlertKind, 'limit'>,
    subject: string,
    state: Threshold,
    value: number | undefined,
    threshold: number | undefined,
    unit = 1,
  ): void {
    if (value === undefined || threshold === undefined || !state.reached(value, threshold)) return;
    this.#parts.tell({ type: 'alert', kind, subject, value: value / unit, threshold: threshold / unit });
  }
}

/** Whether a call says anything of how the gateway and its providers are doing. */
function says({ error, tries }: EndedCall): boolean {
  if (error === undefined) return tries > 0;
  const { fault } = errorRule(error);
  return fault === 'provider' || fault === 'gateway';
}

const costWindow = () => new SlidingWindow(HOUR_MS, MINUTES, () => ({ nanoUsd: 0 }));
