/** As many as a gRPC call of this process holds: the high-water mark of a stream of objects. */
const MAX_QUEUED = 16;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Turns what is pushed into what is pulled: the door of a streaming call writes, and the protocol iterates, once.
 *
 * Nothing is dropped before the iterator leaves. `onLeft` is called when it leaves before the end.
 */
export class StreamBridge<T> implements AsyncIterableIterator<T, undefined> {
  readonly #onLeft: () => void;
  #queue: T[] = [];
  #over = false;
  #failure: { readonly error: Error } | undefined;
  #next: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  /** False: enough is queued, write no more until `drained` resolves. After the end it does nothing. */
  write(message: T): boolean {
    if (this.#over) return true;
    if (this.#next) this.#answer({ done: false, value: message });
    else this.#queue.push(message);
    return this.#queue.length < MAX_QUEUED;
  }

  /** Resolves when half of the queue has been read, or the stream is over. Never rejects. */
  drained(): Promise<void> {
    if (this.#over || this.#queue.length < MAX_QUEUED) return Promise.resolve();
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Ends the stream after what is queued. */
  end(): void {
    this.#finish(undefined);
  }

  /** Ends the stream with this error after what is queued. */
  fail(error: Error): void {
    this.#finish({ error });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const value = this.#queue.shift();
    if (this.#queue.length <= MAX_QUEUED / 2) this.#makeRoom();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#over) return this.#last();
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    const early = !this.#over;
    this.#queue = [];
    this.#failure = undefined;
    this.#finish(undefined);
    if (early) this.#onLeft();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(failure: { readonly error: Error } | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#makeRoom();
    const next = this.#next;
    this.#next = undefined;
    if (next) this.#last().then(next.resolve, next.reject);
  }

  #last(): Promise<IteratorResult<T, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure ? Promise.reject(failure.error) : Promise.resolve(DONE);
  }

  #answer(result: IteratorResult<T, undefined>): void {
    this.#next?.resolve(result);
    this.#next = undefined;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
