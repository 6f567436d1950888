import { StoreError } from '../store.ts';

/** How many entries are looked at for having outlived their time whenever one is added. */
const SWEPT_PER_ENTRY = 4;
/** How many are looked at for one that may go when there is no room. */
const LOOKED_AT = 64;

interface Entry {
  readonly expiresMs: number;
}

export interface ShelfOptions<E extends Entry> {
  readonly now: () => number;
  /** The most entries. */
  readonly most: number;
  /** The most bytes of all entries. Default: they are not counted. */
  readonly mostBytes?: number;
  readonly bytesOf?: (key: string, entry: E) => number;
  /** One that may not go to make room. Default: each may. */
  readonly isPinned?: (entry: E) => boolean;
}

/** Entries up to a bound. Those that were not used for longest go first. Those that have outlived their time are not seen. */
export class Shelf<E extends Entry> {
  readonly #options: ShelfOptions<E>;
  readonly #entries = new Map<string, E>();
  #cursor: Iterator<[string, E]> | undefined;
  #bytes = 0;

  constructor(options: ShelfOptions<E>) {
    this.#options = options;
  }

  get(key: string): E | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.expiresMs <= this.#options.now()) {
      this.delete(key);
      return undefined;
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** Errors: StoreError `full`, if nothing that is here may go. */
  set(key: string, entry: E): void {
    const size = this.#sizeOf(key, entry);
    if (size > (this.#options.mostBytes ?? Number.POSITIVE_INFINITY)) throw new StoreError('full');
    this.delete(key);
    this.#sweep();
    this.#makeRoom(size);
    this.#entries.set(key, entry);
    this.#bytes += size;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= this.#sizeOf(key, entry);
  }

  /** Of what has not outlived its time. In no particular order. */
  keys(): string[] {
    const now = this.#options.now();
    return [...this.#entries].flatMap(([key, { expiresMs }]) => (expiresMs > now ? key : []));
  }

  get size(): number {
    return this.#entries.size;
  }

  #sizeOf(key: string, entry: E): number {
    return this.#options.bytesOf?.(key, entry) ?? 0;
  }

  #makeRoom(size: number): void {
    const { most, mostBytes = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#entries.size >= most || this.#bytes + size > mostBytes) {
      const oldest = this.#oldest();
      if (oldest === undefined) throw new StoreError('full');
      this.delete(oldest);
    }
  }

  #oldest(): string | undefined {
    let looked = 0;
    for (const [key, entry] of this.#entries) {
      if (!this.#options.isPinned?.(entry)) return key;
      if (++looked === LOOKED_AT) return undefined;
    }
    return undefined;
  }

  /** Goes round all entries, a few steps at a time. */
  #sweep(): void {
    const now = this.#options.now();
    for (let step = 0; step < SWEPT_PER_ENTRY; step++) {
      this.#cursor ??= this.#entries.entries();
      const { done, value } = this.#cursor.next();
      if (done) {
        this.#cursor = undefined;
        return;
      }
      if (value[1].expiresMs <= now) this.delete(value[0]);
    }
  }
}
