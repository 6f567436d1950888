import type { Call } from '../../core/call.ts';
import type { Target } from '../../core/target.ts';
import type { Availability } from '../../resilience/availability.ts';
import type { RouteParts } from './parts.ts';

/**
 * The share of the time left that a try may use up while another target is left: most of it, since the first choice is
 * the best one, but not all, so that a slow provider does not eat the time of one that could answer.
 */
const SHARE_OF_TIME = 0.6;

/**
 * What is kept of the time left for an answer that needs no model: this share, or so many milliseconds if that is more,
 * though no more than half.
 */
const SHARE_OF_INSTANT = 0.05;
const LEAST_FOR_INSTANT_MS = 100;

const instantMs = (leftMs: number): number =>
  Math.max(leftMs * SHARE_OF_INSTANT, Math.min(LEAST_FOR_INSTANT_MS, leftMs / 2));

/** In characters: what a span attribute and a line of the log can do with. */
const LONGEST_REASON = 1_000;

type Knowledge = Pick<RouteParts, 'availability' | 'fastestMs' | 'isInstant' | 'clock'>;

/** Why a target is passed over. */
type Hindrance = Exclude<Availability, 'ready'> | 'too slow';

/** The targets of a call that are left to be tried, best first. */
export class Candidates {
  readonly #parts: Knowledge;
  readonly #call: Call;
  readonly #passedOver = new Set<Target>();
  /** Those before what answers in any case. */
  #models: readonly Target[];
  /** What needs no model. */
  #instant: Target | undefined;

  constructor(parts: Knowledge, call: Call) {
    const end = call.targets.findIndex(parts.isInstant);
    this.#parts = parts;
    this.#call = call;
    this.#models = end < 0 ? call.targets : call.targets.slice(0, end);
    this.#instant = call.targets[end];
  }

  /** Whether no model is left that can answer before the deadline. */
  get areOver(): boolean {
    return !this.#canModelAnswerFrom(this.#parts.clock.now());
  }

  /**
   * The first model that is ready and can answer before the deadline; or else that is ready, since what was fast enough
   * lately is only a guess at this call; or else any. What needs no model comes after all models before it, whatever is
   * wrong with them. Undefined: there is no target.
   */
  first(): Target | undefined {
    const ready = this.nextReady() ?? this.#models.find((target) => this.#parts.availability(target) === 'ready');
    return this.#chosen(ready) ?? this.#models[0] ?? this.#instant;
  }

  /** The first model that is ready and can answer before the deadline. Undefined: none. */
  nextReady(): Target | undefined {
    return this.#chosen(this.#models.find((target) => this.isUsable(target)));
  }

  /** The same, or if none is ready, the first that can answer in time; then what needs no model. Undefined: none. */
  next(): Target | undefined {
    return this.nextReady() ?? this.#models.find((target) => this.#hasTime(target)) ?? this.#instant;
  }

  /** It is tried now. */
  take(target: Target): void {
    if (target === this.#instant) this.#instant = undefined;
    else this.#models = this.#models.filter((other) => other !== target);
  }

  /** It was slow, and did not fail: if the call has to go on, it may be tried again, after all that were not tried. */
  restore(target: Target): void {
    this.#models = [...this.#models, target];
  }

  /** Whether it is worth sending something there now, be it for the second time. */
  isUsable(target: Target): boolean {
    return this.#hindrance(target) === undefined;
  }

  /**
   * When a try that begins now must have answered, by the clock, so that another can after it. Undefined: it may take all
   * the time there is.
   */
  get answerByMs(): number | undefined {
    const { deadlineMs } = this.#call;
    if (deadlineMs === undefined) return undefined;
    const nowMs = this.#parts.clock.now();
    const leftMs = deadlineMs - nowMs;
    const shareMs = nowMs + leftMs * SHARE_OF_TIME;
    if (this.#canModelAnswerFrom(shareMs)) return shareMs;
    return this.#instant ? deadlineMs - instantMs(leftMs) : undefined;
  }

  #canModelAnswerFrom(thenMs: number): boolean {
    return this.#models.some((target) => this.#hasTime(target, thenMs));
  }

  /** Whether it can answer before the deadline if it is asked then. */
  #hasTime(target: Target, thenMs = this.#parts.clock.now()): boolean {
    const { deadlineMs } = this.#call;
    if (deadlineMs === undefined) return true;
    return deadlineMs - thenMs >= (this.#parts.fastestMs(target) ?? 0);
  }

  /** Undefined: it can be asked now. */
  #hindrance(target: Target): Hindrance | undefined {
    const availability = this.#parts.availability(target);
    if (availability !== 'ready') return availability;
    return this.#hasTime(target) ? undefined : 'too slow';
  }

  /** Says why those before it were passed over. */
  #chosen(chosen: Target | undefined): Target | undefined {
    if (!chosen) return undefined;
    for (const target of this.#models) {
      if (target === chosen) break;
      const why = this.#hindrance(target);
      if (why) this.#note(target, why);
    }
    return chosen;
  }

  /** Once for each target, as long as there is room. */
  #note(target: Target, why: Hindrance): void {
    if (this.#passedOver.has(target)) return;
    this.#passedOver.add(target);
    const { trail } = this.#call;
    const note = `${target.provider}/${target.model} passed over: ${why}`;
    const reason = trail.selectionReason === '' ? note : `${trail.selectionReason}; ${note}`;
    if (reason.length <= LONGEST_REASON) trail.selectionReason = reason;
  }
}
