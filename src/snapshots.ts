/** What can be replaced while it is in use. */
export interface Closable {
  /** Called once, when another takes its place: it may still have calls, and gets no further ones. It must not throw. */
  retire(): void;
  /** Called once, when nothing uses it any more, or all is to end. */
  close(): Promise<void>;
}

/** One that was current, or is, and what uses it. */
interface Held<T> {
  readonly value: T;
  calls: number;
  /** Set when it is to be closed; resolves when it is. Never rejects. */
  closed: Promise<void> | undefined;
}

/**
 * The one that serves now, and those before it that still have calls. Each call stays with the one that it began with. One
 * that was replaced is closed when its last call is over; there are never more of them than calls.
 */
export class Snapshots<T extends Closable> {
  readonly #closeFailed: (error: unknown) => void;
  /** All that are not closed yet. */
  readonly #held = new Set<Held<T>>();
  #current: Held<T>;
  #isClosed = false;

  /** `closeFailed` is told when one cannot be closed, which nobody else is. It must not throw. */
  constructor(first: T, closeFailed: (error: unknown) => void) {
    this.#closeFailed = closeFailed;
    this.#current = this.#hold(first);
  }

  get current(): T {
    return this.#current.value;
  }

  /** Gives the current one to `run`, and keeps it open until what `run` gives is settled. Errors: those of `run`. */
  async use<R>(run: (current: T) => Promise<R>): Promise<R> {
    const held = this.#current;
    held.calls++;
    try {
      return await run(held.value);
    } finally {
      held.calls--;
      this.#closeIfLeft(held);
    }
  }

  /** From now on `next` is the current one. After `close` it is only closed. */
  swap(next: T): void {
    const before = this.#current;
    this.#current = this.#hold(next);
    before.value.retire();
    this.#closeIfLeft(before);
    if (this.#isClosed) void this.#close(this.#current);
  }

  /** Closes all at once, with the calls they have, and resolves when all are closed. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#held].map((held) => this.#close(held)));
  }

  #hold(value: T): Held<T> {
    const held = { value, calls: 0, closed: undefined };
    this.#held.add(held);
    return held;
  }

  #closeIfLeft(held: Held<T>): void {
    if (held !== this.#current && held.calls === 0) void this.#close(held);
  }

  #close(held: Held<T>): Promise<void> {
    held.closed ??= Promise.resolve()
      .then(() => held.value.close())
      .catch(this.#closeFailed)
      .finally(() => this.#held.delete(held));
    return held.closed;
  }
}

export interface ReloadParts<C> {
  /** Reads the configuration. Errors: it cannot be used. */
  readonly load: () => C;
  /** Puts it into effect. Errors: it cannot be, and what was in effect still is. */
  readonly apply: (config: C) => Promise<void> | void;
  /** Is told of a configuration that is in effect now. It must not throw. */
  readonly reloaded: (config: C) => void;
  /** Is told of the error of one that is not, so that the last good one stays. It must not throw. */
  readonly refused: (error: unknown) => void;
}

/**
 * Makes the function that asks for a reload. One runs at a time; however often it is asked for meanwhile, there is one
 * more after it, which sees all that was changed until then.
 *
 * What it gives resolves when a reload is over that began after it was asked for. It never rejects.
 */
export function reloading<C>({ load, apply, reloaded, refused }: ReloadParts<C>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const reload = async (): Promise<void> => {
    let config: C;
    try {
      config = load();
      await apply(config);
    } catch (error) {
      return refused(error);
    }
    reloaded(config);
  };
  const begin = (): Promise<void> => {
    running = reload().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (next) return next;
    if (!running) return begin();
    next = running.then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
}
