import { StoreError } from '../store.ts';
import { Line, type Place, placeOf } from './line.ts';

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

/** An entry under its key. */
interface Kept<E> {
  readonly key: string;
  readonly entry: E;
}

/** Entries up to a bound. Those that were not used for longest go first. Those that have outlived their time are not seen. */
export class Shelf<E extends Entry> {
  readonly #options: ShelfOptions<E>;
  readonly #places = new Map<string, Place<Kept<E>>>();
  /** Those used last at its end. */
  readonly #line = new Line<Kept<E>>();
  #cursor: Iterator<Place<Kept<E>>> | undefined;
  #bytes = 0;

  constructor(options: ShelfOptions<E>) {
    this.#options = options;
  }

  /** `now`: for one who asks for several. */
  get(key: string, now: number = this.#options.now()): E | undefined {
    const place = this.#places.get(key);
    if (!place) return undefined;
    const { entry } = place.item;
    if (entry.expiresMs <= now) {
      this.delete(key);
      return undefined;
    }
    this.#line.toEnd(place);
    return entry;
  }

  /** Errors: StoreError `full`, if nothing that is here may go. */
  set(key: string, entry: E): void {
    const size = this.#sizeOf(key, entry);
    if (size > (this.#options.mostBytes ?? Number.POSITIVE_INFINITY)) throw new StoreError('full');
    this.delete(key);
    this.#sweep();
    this.#makeRoom(size);
    const place = placeOf({ key, entry });
    this.#places.set(key, place);
    this.#line.toEnd(place);
    this.#bytes += size;
  }

  delete(key: string): void {
    const place = this.#places.get(key);
    if (!place) return;
    this.#places.delete(key);
    this.#line.leave(place);
    this.#bytes -= this.#sizeOf(key, place.item.entry);
  }

  /** Of what has not outlived its time. In no particular order. */
  keys(): string[] {
    const now = this.#options.now();
    return [...this.#line].flatMap(({ key, entry }) => (entry.expiresMs > now ? key : []));
  }

  get size(): number {
    return this.#places.size;
  }

  #sizeOf(key: string, entry: E): number {
    return this.#options.bytesOf?.(key, entry) ?? 0;
  }

  #makeRoom(size: number): void {
    const { most, mostBytes = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#places.size >= most || this.#bytes + size > mostBytes) {
      const oldest = this.#oldest();
      if (oldest === undefined) throw new StoreError('full');
      this.delete(oldest);
    }
  }

  #oldest(): string | undefined {
    let looked = 0;
    for (const { key, entry } of this.#line) {
      if (!this.#options.isPinned?.(entry)) return key;
      if (++looked === LOOKED_AT) return undefined;
    }
    return undefined;
  }

  /** Goes round all entries, a few steps at a time. */
  #sweep(): void {
    const now = this.#options.now();
    for (let step = 0; step < SWEPT_PER_ENTRY; step++) {
      this.#cursor ??= this.#places.values();
      const { done, value } = this.#cursor.next();
      if (done) {
        this.#cursor = undefined;
        return;
      }
      if (value.item.entry.expiresMs <= now) this.delete(value.item.key);
    }
  }
}
