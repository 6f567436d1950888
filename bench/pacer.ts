import { machineMs } from './machine-time.ts';

/** Does one step. False: it was the last one. */
type Step = () => boolean;

/** One ring per pace: each millisecond is one slot, and a stream stays in the slot it was given. */
interface Ring {
  readonly slots: Set<Step>[];
  nextSlot: number;
}

/**
 * Steps many streams at a steady pace with one timer. Streams are spread over the milliseconds between two steps, so
 * that their tokens come one by one, as they do from many providers. A late timer catches up; nothing is left out.
 */
export class Pacer {
  readonly #rings = new Map<number, Ring>();
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;

  add(stepsPerSecond: number, step: Step): void {
    const ring = this.#ring(stepsPerSecond);
    ring.slots[ring.nextSlot++ % ring.slots.length]?.add(step);
    if (this.#timer) return;
    this.#lastTick = Math.floor(machineMs());
    this.#timer = setInterval(() => this.#tick(), 1);
  }

  #ring(stepsPerSecond: number): Ring {
    let ring = this.#rings.get(stepsPerSecond);
    if (!ring) {
      const slots = Array.from({ length: Math.max(1, Math.round(1000 / stepsPerSecond)) }, () => new Set<Step>());
      ring = { slots, nextSlot: 0 };
      this.#rings.set(stepsPerSecond, ring);
    }
    return ring;
  }

  #tick(): void {
    const now = Math.floor(machineMs());
    let busy = false;
    while (this.#lastTick < now) {
      this.#lastTick++;
      for (const { slots } of this.#rings.values()) run(slots[this.#lastTick % slots.length]);
    }
    for (const { slots } of this.#rings.values()) busy ||= slots.some((slot) => slot.size > 0);
    if (busy) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function run(slot: Set<Step> | undefined): void {
  for (const step of slot ?? []) if (!step()) slot?.delete(step);
}
