import type { Clock } from '../core/clock.ts';

const TIME_DIGITS = 12;
const COUNT_DIGITS = 6;
const MOST_COUNTED = 16 ** COUNT_DIGITS;

/** The time, a number within the millisecond, and who made it: in hexadecimal digits. */
const ID = /^[0-9a-f]{34}$/;

/** What the ids of one replica end with: 16 hexadecimal digits. */
const REPLICA = /^[0-9a-f]{16}$/;

export const isEventId = (text: string): boolean => ID.test(text);

/** Makes ids of events, each greater than the one before, also if the wall's clock goes back. */
export class EventIds {
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #replica: string;
  #lastMs = 0;
  #count = 0;

  /** `replica`: 16 hexadecimal digits that no other process has. */
  constructor(clock: Pick<Clock, 'wallMs'>, replica: string) {
    if (!REPLICA.test(replica)) throw new RangeError('a replica is named by 16 hexadecimal digits');
    this.#clock = clock;
    this.#replica = replica;
  }

  next(): { readonly id: string; readonly timeMs: number } {
    const nowMs = Math.floor(this.#clock.wallMs());
    this.#count = nowMs > this.#lastMs ? 0 : this.#count + 1;
    this.#lastMs = Math.max(nowMs, this.#lastMs) + (this.#count === MOST_COUNTED ? 1 : 0);
    this.#count %= MOST_COUNTED;
    const digits = (value: number, length: number) => value.toString(16).padStart(length, '0');
    return {
      id: digits(this.#lastMs, TIME_DIGITS) + digits(this.#count, COUNT_DIGITS) + this.#replica,
      timeMs: this.#lastMs,
    };
  }
}

/** Turns an order round: the least key is that of the greatest id. Twice gives what was there. */
export const reversed = (id: string): string =>
  id.replace(/[0-9a-f]/g, (digit) => (15 - Number.parseInt(digit, 16)).toString(16));
