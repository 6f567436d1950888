import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import { asCount, asObject, asString, tryParseJson } from '../core/json.ts';
import { StoreError, type Values } from './store.ts';

/** A state of a document. */
export interface Version<T> {
  /** Goes up with every change. 0: there was none yet. */
  readonly revision: number;
  readonly content: T;
}

export interface DocumentParts<T> {
  readonly values: Values;
  readonly clock: Pick<Clock, 'after'>;
  /** What its keys in the store begin with. */
  readonly name: string;
  /** What it is before its first change. */
  readonly empty: T;
  /** Makes of JSON what `T` is; `T` is made of what JSON can say. Undefined: it is something else. */
  readonly parse: (json: unknown) => T | undefined;
}

/** A version, and where it is. `head`: what the store says of it. */
interface Held<T> extends Version<T> {
  readonly id: string;
  readonly head: Uint8Array | undefined;
}

interface Head {
  readonly revision: number;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A hundred years: Redis keeps nothing without an end here. */
const KEPT_MS = 100 * 365 * 24 * 60 * 60 * 1000;
const EVERY_MS = 2_000;
/** How often a change is tried where others come before it. */
const ATTEMPTS = 20;

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const decode = (bytes: Uint8Array): unknown => tryParseJson(new TextDecoder().decode(bytes));

/**
 * One document that replicas share: its last version is here, and is looked for in the store every 2 seconds. The store has
 * its head, which is small and says which version counts, and the version itself under a name of its own: a look costs
 * one short `get`, and nobody sees half a change.
 *
 * A store that fails leaves what is here as it is. If one comes back with less than what is known here, such as a Redis
 * that kept nothing, what is here is put back.
 */
export class StoredDocument<T> {
  readonly #parts: DocumentParts<T>;
  #held: Held<T>;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: DocumentParts<T>) {
    this.#parts = parts;
    this.#held = { revision: 0, content: parts.empty, id: '', head: undefined };
  }

  /** The last that is known here. */
  get current(): Version<T> {
    return this.#held;
  }

  /** Looks for a later one. True: there was one, which is the current one now. Errors: StoreError. */
  async refresh(): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const head = await this.#head();
      if ((head?.revision ?? 0) < this.#held.revision) await this.#putBack(head);
      if (!head || head.revision < this.#held.revision || head.id === this.#held.id) return false;
      const bytes = await this.#parts.values.get(this.#keyOf(head.id));
      // Otherwise a later one has just taken its place.
      if (bytes) return this.#learn(head, this.#parts.parse(decode(bytes)));
    }
    return false;
  }

  /**
   * Makes a version of the last one. `next` is asked again if somebody else was faster; undefined: nothing is to change.
   * It gives the current version. Errors: StoreError, and then it may have been made all the same; those of `next`.
   */
  async change(next: (now: Version<T>) => T | undefined): Promise<Version<T>> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await this.refresh();
      const before = this.#held;
      const content = next(before);
      if (content === undefined) return before;
      const made = held(before.revision + 1, content);
      if (!(await this.#write(made, before.head))) continue;
      this.#held = made.revision > this.#held.revision ? made : this.#held;
      await this.#forget(before.id);
      return made;
    }
    throw new StoreError('refused', 'too many changes at once');
  }

  /**
   * Looks for a later version every 2 seconds until `close`; `looked` is told after each look that the store answered,
   * and whether there was one. It must not throw. The timer keeps the process alive.
   */
  watch(looked: (isNew: boolean) => void): void {
    const look = async () => {
      // A store that is away says so itself.
      const isNew = await this.refresh().catch(() => undefined);
      if (this.#isClosed) return;
      if (isNew !== undefined) looked(isNew);
      this.#timer = this.#parts.clock.after(EVERY_MS, () => void look());
    };
    this.#timer = this.#parts.clock.after(EVERY_MS, () => void look());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #head(): Promise<Head | undefined> {
    const bytes = await this.#parts.values.get(this.#keyOf('head'));
    const json = bytes && asObject(decode(bytes));
    const revision = asCount(json?.revision);
    return bytes && revision !== undefined ? { revision, id: asString(json?.id), bytes } : undefined;
  }

  #learn({ revision, id, bytes }: Head, content: T | undefined): boolean {
    if (content === undefined || revision < this.#held.revision) return false;
    this.#held = { revision, content, id, head: bytes };
    return true;
  }

  async #putBack(there: Head | undefined): Promise<void> {
    await this.#write(this.#held, there?.bytes);
  }

  /** False: the head is another one by now. */
  async #write({ id, content, head }: Held<T>, expected: Uint8Array | undefined): Promise<boolean> {
    const { values } = this.#parts;
    await values.put(this.#keyOf(id), encode(content), KEPT_MS);
    const isWritten = await values.compareAndSet(this.#keyOf('head'), expected, head, KEPT_MS);
    if (!isWritten && id !== this.#held.id) await this.#forget(id);
    return isWritten;
  }

  /** If it stays, it takes some room, and that is all. */
  async #forget(id: string): Promise<void> {
    if (id !== '') await this.#parts.values.delete(this.#keyOf(id)).catch(() => undefined);
  }

  #keyOf(id: string): string {
    return `${this.#parts.name}:${id}`;
  }
}

function held<T>(revision: number, content: T): Held<T> {
  const id = randomBytes(12).toString('hex');
  return { revision, content, id, head: encode({ revision, id }) };
}
