import { create } from '@bufbuild/protobuf';
import { type Attempt, AttemptSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Trail } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { duration } from '../../core/duration.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';

/** A target that did not give the answer, and the record of its last try. */
export interface Failure {
  readonly target: Target;
  readonly error: GatewayError;
  readonly record: Attempt | undefined;
  /** False: the target was refused before the provider heard of it. */
  readonly wasAsked: boolean;
}

/** A target that was refused without being asked gets a record of that. `attemptsBefore`: those of other targets. */
export function failureAt(target: Target, error: GatewayError, trail: Trail, attemptsBefore = 0): Failure {
  const { attempts } = trail;
  const wasAsked = attempts.length > attemptsBefore;
  noteRefusal(target, error, trail, attemptsBefore);
  const record = attempts.length > attemptsBefore ? attempts.at(-1) : undefined;
  return { target, error, record, wasAsked };
}

/** Adds the record of a target that was refused without being asked, if it was. */
export function noteRefusal(target: Target, { rule }: GatewayError, { attempts }: Trail, attemptsBefore = 0): void {
  if (attempts.length > attemptsBefore || !rule.next) return;
  const { provider, model } = target;
  const record = { provider, model, status: rule.code, errorReason: rule.reason, duration: duration(0) };
  attempts.push(create(AttemptSchema, record));
}

/** Says in its record why the gateway did not stay: the kind of the error, and what came of it. */
export function leave({ record, error }: Failure, whatCame: string): void {
  if (record) record.leftBecause = `${error.kind.replaceAll('_', ' ')}: ${whatCame}`;
}

/** How much a failure says of why there is no answer. */
const weightOf = ({ error, wasAsked }: Failure): number => (error.rule.next ? Number(wasAsked) : 2);

/** What all targets met, and which of it the caller is told. */
export class Failures {
  readonly #clock: Pick<Clock, 'now'>;
  #told: Failure | undefined;
  #readyAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  add(failure: Failure): void {
    if (!this.#told || weightOf(failure) >= weightOf(this.#told)) this.#told = failure;
    const { retryAfterMs } = failure.error.facts;
    if (retryAfterMs !== undefined) this.#readyAtMs = Math.min(this.#readyAtMs, this.#clock.now() + retryAfterMs);
  }

  /** Whether one of them rules out that another target is tried. */
  get areFinal(): boolean {
    return this.#told !== undefined && !this.#told.error.rule.next;
  }

  /**
   * The last error of a provider that was really asked, rather than that of one that was left alone; with the least
   * wait known of any target, if waiting may help.
   */
  get told(): GatewayError | undefined {
    if (!this.#told) return undefined;
    const { error, target } = this.#told;
    const waitMs = this.#readyAtMs - this.#clock.now();
    const told = error.with({ target });
    return error.rule.next && waitMs < Number.POSITIVE_INFINITY ? told.withWait(Math.max(waitMs, 0)) : told;
  }

  /** The target that `told` is about. */
  get target(): Target | undefined {
    return this.#told?.target;
  }
}
