import type { Call } from '../../core/call.ts';
import type { Pressure } from '../../resilience/pressure.ts';
import { CallUnderWay } from './call-under-way.ts';

/** In characters. To end a lighter call would free next to nothing. */
const LEAST_WEIGHT = 16_384;

/** The calls that are under way, of which the heaviest is ended each time that memory is found to be critical. */
export class CallsUnderWay {
  readonly #calls = new Set<CallUnderWay>();
  readonly #onCritical: Pressure['onCritical'];
  readonly #reason: () => unknown;
  /** Undefined: there were no calls yet. */
  #ignore: (() => void) | undefined;

  /** `reason` makes the error of a call that is ended. */
  constructor(onCritical: Pressure['onCritical'], reason: () => unknown) {
    this.#onCritical = onCritical;
    this.#reason = reason;
  }

  /** `leave` must follow. */
  enter(call: Call): CallUnderWay {
    if (this.#calls.size === 0) this.#ignore = this.#onCritical(() => this.#endHeaviest());
    const entered = new CallUnderWay(call);
    this.#calls.add(entered);
    return entered;
  }

  leave(call: CallUnderWay): void {
    call.release();
    this.#drop(call);
  }

  #drop(call: CallUnderWay): void {
    if (this.#calls.delete(call) && this.#calls.size === 0) this.#ignore?.();
  }

  #endHeaviest(): void {
    const [first, ...others] = this.#calls;
    const heaviest = others.reduce(
      (heavier, call) => (heavier && heavier.weight >= call.weight ? heavier : call),
      first,
    );
    if (!heaviest || heaviest.weight < LEAST_WEIGHT) return;
    this.#drop(heaviest);
    heaviest.end(this.#reason());
  }
}
