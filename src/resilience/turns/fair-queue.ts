import { type Priority, priorities } from '../../core/policy.ts';
import { type Place, RoundRobin } from './round-robin.ts';

/**
 * The shares of the turns while all priorities wait: of 21, a low one has 1. So no stream of calls of higher ones keeps
 * it out for good: from when it is the next of its priority, others have 21 turns at most before it.
 */
const WEIGHTS: Readonly<Record<Priority, number>> = { low: 1, normal: 4, high: 16 };

/** Where something stands in the queue. */
export interface FairPlace<T> {
  readonly level: Level<T>;
  readonly place: Place<T>;
}

/** Those of one priority. */
interface Level<T> {
  readonly queue: RoundRobin<T>;
  /** How long one turn is, in virtual time. */
  readonly turn: number;
  /** When its next turn is over, in virtual time. */
  endsAt: number;
}

const newLevel = <T>(weight: number): Level<T> => ({ queue: new RoundRobin<T>(), turn: 1 / weight, endsAt: 0 });

/**
 * A queue that is fair between the flows of a priority, and lets higher priorities go first without starving lower
 * ones: self-clocked fair queueing, in which the turn that is over first goes first, and the higher one if two are.
 *
 * Source: S. J. Golestani, "A self-clocked fair queueing scheme for broadband applications", INFOCOM 1994.
 */
export class FairQueue<T> {
  readonly #levels: Readonly<Record<Priority, Level<T>>> = {
    low: newLevel(WEIGHTS.low),
    normal: newLevel(WEIGHTS.normal),
    high: newLevel(WEIGHTS.high),
  };
  /** Lowest first. */
  readonly #all = priorities.map((priority) => this.#levels[priority]);
  /** When the turn that was given last is over, in virtual time. */
  #now = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T, priority: Priority, flow: string): FairPlace<T> {
    const level = this.#levels[priority];
    if (level.queue.size === 0) level.endsAt = this.#now + level.turn;
    this.#size++;
    return { level, place: level.queue.add(item, flow) };
  }

  /** Takes out the one whose turn it is. Undefined: none waits. */
  next(): T | undefined {
    let first: Level<T> | undefined;
    for (const level of this.#all) if (level.queue.size > 0 && (!first || level.endsAt <= first.endsAt)) first = level;
    if (!first) return undefined;
    this.#now = first.endsAt;
    first.endsAt += first.turn;
    this.#size--;
    return first.queue.next();
  }

  /** Takes out one that is still here. */
  remove({ level, place }: FairPlace<T>): void {
    level.queue.remove(place);
    this.#size--;
  }

  /**
   * Takes out the one that can best be done without for one more: of the lowest priority that waits, the youngest of the
   * flow that has most. It goes if its priority is lower, or if its flow is the longer one even so. Undefined: none is.
   */
  displace(priority: Priority, flow: string): T | undefined {
    const level = this.#all.find(({ queue }) => queue.size > 0);
    const own = this.#levels[priority];
    const place = level?.queue.last;
    if (!level || !place || this.#all.indexOf(level) > this.#all.indexOf(own)) return undefined;
    if (level === own && level.queue.longest <= level.queue.lengthOf(flow) + 1) return undefined;
    this.remove({ level, place });
    return place.item;
  }

  /** About how many of those that wait would go before one more. */
  ahead(priority: Priority, flow: string): number {
    const own = this.#levels[priority];
    const before = own.queue.ahead(flow);
    const time = (before + 1) * own.turn;
    const others = this.#all.filter((level) => level !== own);
    return others.reduce((sum, { queue, turn }) => sum + Math.min(queue.size, Math.ceil(time / turn)), before);
  }
}
