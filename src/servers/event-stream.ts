import type { Clock, Timer } from '../core/clock.ts';
import type { HttpResponse } from './http-message.ts';

/** A stream that has nothing to say for so long says that it is alive, so that no proxy ends it. */
const QUIET_MS = 15_000;

const ALIVE = ': waiting\n\n';

/** So many characters wait to be sent at most, until the buffer of the connection counts. */
const MOST_PENDING = 16_384;

/**
 * Server-sent events. What is written in one go is sent in one go, since a provider's packet often has many of them.
 *
 * The head goes out with the first of them, so that an error before it is a plain one; or with the first sign of life,
 * after which it cannot be one any more.
 */
export class EventStream {
  readonly #response: HttpResponse;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #headers: Readonly<Record<string, string>>;
  #timer: Timer | undefined;
  #hasWritten = false;
  #pending = '';
  #isFull = false;
  #isGone = false;
  #room: PromiseWithResolvers<void> | undefined;

  /** `headers`: those besides that of the type. `end` or `release` must follow. */
  constructor(response: HttpResponse, clock: Pick<Clock, 'after'>, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    this.#clock = clock;
    this.#headers = headers;
    this.#isGone = response.destroyed;
    response.on('drain', () => this.#makeRoom());
    response.once('close', () => {
      this.#isGone = true;
      this.#makeRoom();
    });
    this.#watch();
  }

  /** Whether anything has been said, so that what fails now can only be said in the stream. */
  get hasBegun(): boolean {
    return this.#response.headersSent || this.#pending !== '';
  }

  /** False: the caller's buffer is full, write no more until `drained` resolves. */
  write(text: string): boolean {
    if (this.#isGone || text === '') return true;
    if (this.#pending === '') queueMicrotask(() => this.#flush());
    this.#pending += text;
    this.#hasWritten = true;
    if (this.#pending.length >= MOST_PENDING) this.#flush();
    return !this.#isFull;
  }

  /** Resolves when there is room again, or the caller has gone. Never rejects. */
  drained(): Promise<void> {
    if (!this.#isFull || this.#isGone) return Promise.resolve();
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Ends it, with these last words. */
  end(text = ''): void {
    this.#timer?.cancel();
    if (this.#isGone) return;
    if (!this.#response.headersSent) this.#open();
    this.#response.end(this.#pending + text);
    this.#pending = '';
  }

  /** It is answered by other means, or not at all. */
  release(): void {
    this.#timer?.cancel();
  }

  #flush(): void {
    if (this.#pending === '' || this.#isGone) return;
    if (!this.#response.headersSent) this.#open();
    this.#isFull = !this.#response.write(this.#pending);
    this.#pending = '';
  }

  #open(): void {
    this.#response.writeHead(200, {
      ...this.#headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
  }

  #makeRoom(): void {
    this.#isFull = false;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #watch(): void {
    this.#timer = this.#clock.after(QUIET_MS, () => {
      this.#watch();
      if (!this.#hasWritten && !this.#isFull && !this.#isGone) this.write(ALIVE);
      this.#hasWritten = false;
    });
  }
}
