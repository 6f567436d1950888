import type { Call } from '../../core/call.ts';
import type { Target } from '../../core/target.ts';
import type { Availability } from '../../resilience/availability.ts';
import type { RouteParts } from './parts.ts';

/**
 * The share of the time left that a try may use up while another target is left: most of it, since the first choice is
 * the best one, but not all, so that a slow provider does not eat the time of one that could answer.
 */
const SHARE_OF_TIME = 0.6;

/** The same if what is left needs next to no time. */
const SHARE_BEFORE_INSTANT = 0.95;

type Knowledge = Pick<RouteParts, 'availability' | 'fastestMs' | 'isInstant' | 'clock'>;

/** The targets of a call that were not tried yet, best first. */
export class Candidates {
  readonly #parts: Knowledge;
  readonly #call: Call;
  readonly #passedOver = new Set<Target>();
  #left: readonly Target[];

  constructor(parts: Knowledge, call: Call) {
    this.#parts = parts;
    this.#call = call;
    this.#left = call.targets;
  }

  /** Whether none is left, but for what answers at once. */
  get areOver(): boolean {
    return this.#left.every(this.#parts.isInstant);
  }

  /** The first that is ready. Undefined: none is. */
  firstReady(): Target | undefined {
    return this.#readyOf(this.#left);
  }

  /** The same of those that can answer before the deadline, and that there is reason to ask while another is asked. */
  nextReady(): Target | undefined {
    return this.#readyOf(this.#inTime.filter((target) => !this.#parts.isInstant(target)));
  }

  /** The first that is ready and can answer before the deadline, or if none is, the first that can. Undefined: none. */
  next(): Target | undefined {
    const inTime = this.#inTime;
    return this.#readyOf(inTime) ?? inTime[0];
  }

  /** It is tried now. */
  take(target: Target): void {
    this.#left = this.#left.filter((other) => other !== target);
  }

  /** Whether it is worth sending something there now, be it for the second time. */
  isUsable(target: Target): boolean {
    return this.#parts.availability(target) === 'ready' && this.#hasTime(target);
  }

  /** When a try that begins now must have answered, by the clock. Undefined: it may take all the time there is. */
  get answerByMs(): number | undefined {
    const { deadlineMs } = this.#call;
    if (deadlineMs === undefined || this.#left.length === 0) return undefined;
    const nowMs = this.#parts.clock.now();
    return nowMs + (deadlineMs - nowMs) * (this.areOver ? SHARE_BEFORE_INSTANT : SHARE_OF_TIME);
  }

  get #inTime(): readonly Target[] {
    return this.#left.filter((target) => this.#hasTime(target));
  }

  #hasTime(target: Target): boolean {
    const { deadlineMs } = this.#call;
    if (deadlineMs === undefined) return true;
    return deadlineMs - this.#parts.clock.now() >= (this.#parts.fastestMs(target) ?? 0);
  }

  #readyOf(targets: readonly Target[]): Target | undefined {
    const others: [Target, Availability][] = [];
    for (const target of targets) {
      const state = this.#parts.availability(target);
      if (state !== 'ready') {
        others.push([target, state]);
        continue;
      }
      for (const [other, why] of others) this.#note(other, why);
      return target;
    }
    return undefined;
  }

  /** Once for each target, so that the reason stays short. */
  #note(target: Target, why: Availability): void {
    if (this.#passedOver.has(target)) return;
    this.#passedOver.add(target);
    const { trail } = this.#call;
    const note = `${target.provider}/${target.model} passed over: ${why}`;
    trail.selectionReason = trail.selectionReason === '' ? note : `${trail.selectionReason}; ${note}`;
  }
}
