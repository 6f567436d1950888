import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { keysWith } from './redis/all-keys.ts';
import { RedisConnection, type RedisPlace } from './redis/connection.ts';
import { ADD, BALANCES, COMPARE_AND_SET, REFUND, RESERVE, SETTLE, TALLY } from './redis/scripts.ts';
import type { Balance, Reservation, Reserved, Settlement, Store, Tally } from './store.ts';

export interface RedisSettings extends RedisPlace {
  /** What all keys begin with. Without braces. */
  readonly keyPrefix: string;
}

const optional = (value: Uint8Array | undefined): Uint8Array | string =>
  value ? Buffer.concat([Buffer.from('='), value]) : '';

/** Keys with the same tag are at the same node of a cluster. A brace would end it early. */
const tag = (name: string): string => `{${name.replace(/[%}]/g, encodeURIComponent)}}`;

/** Spent and held in turn. */
const balancesOf = (numbers: readonly unknown[]): readonly Balance[] =>
  Array.from({ length: numbers.length / 2 }, (_, i) => ({
    spent: Number(numbers[2 * i]),
    held: Number(numbers[2 * i + 1]),
  }));

/**
 * A store that replicas share. Whatever takes several steps is one script, by the time of Redis. A method answers or
 * fails within `timeoutMs` of the clock, but for `keys`, which asks again and again. Errors: StoreError, without anything
 * of the address in it.
 */
export class RedisStore implements Store {
  readonly #redis: RedisConnection;
  readonly #prefix: string;

  constructor(clock: Clock, settings: RedisSettings) {
    this.#redis = new RedisConnection(clock, settings);
    this.#prefix = settings.keyPrefix;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#redis.ask((client) => client.getBuffer(this.#value(key)))) ?? undefined;
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    await this.#redis.ask((client) => client.set(this.#value(key), Buffer.from(value), 'PX', ttlMs));
  }

  async compareAndSet(
    key: string,
    expected: Uint8Array | undefined,
    next: Uint8Array | undefined,
    ttlMs: number,
  ): Promise<boolean> {
    const args = [optional(expected), optional(next), `${ttlMs}`];
    return (await this.#redis.run(COMPARE_AND_SET, [this.#value(key)], args)) === 1;
  }

  async delete(key: string): Promise<void> {
    const keys = [this.#value(key), this.#counter(key)];
    await this.#redis.ask((client) => Promise.all(keys.map((each) => client.del(each))));
  }

  async add(key: string, delta: number, ttlMs: number): Promise<number> {
    return Number(await this.#redis.run(ADD, [this.#counter(key)], [`${delta}`, `${ttlMs}`]));
  }

  async keys(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    const found = await keysWith(this.#redis, this.#value(prefix), limit, this.#value(after));
    return found.map((key) => key.slice(this.#value('').length));
  }

  async tally({ table, id, counts, ttlMs }: Tally): Promise<void> {
    const key = this.#table(table);
    const args = [...counts].flatMap(([counter, count]) => [counter, `${count}`]);
    await this.#redis.run(TALLY, [key, `${key}:${id}`], [`${ttlMs}`, ...args]);
  }

  async tallied(table: string): Promise<ReadonlyMap<string, number>> {
    const counts = await this.#redis.ask((client) => client.hgetall(this.#table(table)));
    return new Map(Object.entries(counts).map(([counter, count]) => [counter, Number(count)]));
  }

  async reserve({ ledger, id, ttlMs, holds }: Reservation): Promise<Reserved> {
    const args = holds.flatMap(({ account, amount, limit, ttlMs: keptMs, carried }) => {
      const { account: before = '', share = 0 } = carried ?? {};
      return [account, `${amount}`, `${limit}`, `${keptMs}`, before, `${share}`];
    });
    const reply = await this.#redis.run(RESERVE, this.#ledger(ledger), [id, `${ttlMs}`, ...args]);
    const [first, ...numbers] = reply as unknown[];
    const [refused, balances] = [Number(first), balancesOf(numbers)];
    return refused < 0 ? { granted: true, balances } : { granted: false, refused, balances };
  }

  async settle({ ledger, id, spent }: Settlement): Promise<void> {
    const args = spent.flatMap(({ account, amount, ttlMs }) => [account, `${amount}`, `${ttlMs}`]);
    await this.#redis.run(SETTLE, this.#ledger(ledger), [id, ...args]);
  }

  async refund(ledger: string, id: string): Promise<void> {
    await this.#redis.run(REFUND, this.#ledger(ledger), [id]);
  }

  async balances(ledger: string, accounts: readonly string[]): Promise<readonly Balance[]> {
    return balancesOf((await this.#redis.run(BALANCES, this.#ledger(ledger), accounts)) as unknown[]);
  }

  async close(): Promise<void> {
    this.#redis.close();
  }

  #value(key: string): string {
    return `${this.#prefix}v:${key}`;
  }

  #counter(key: string): string {
    return `${this.#prefix}n:${key}`;
  }

  #table(name: string): string {
    return `${this.#prefix}t:${tag(name)}`;
  }

  #ledger(name: string): string[] {
    const key = `${this.#prefix}l:${tag(name)}`;
    return ['accounts', 'expiry', 'ids', 'due'].map((part) => `${key}:${part}`);
  }
}
