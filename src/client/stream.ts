import type { CompleteResponse, Restart, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { Answer, type StreamEvent } from './answer.ts';
import { AntiphonError, antiphonError, type ErrorCode, type Reason } from './error.ts';

export interface TextOptions {
  /** Told when all text so far is void, and the answer begins anew. Without it, that is an error. */
  readonly onRestart?: ((restart: Restart) => void) | undefined;
}

/** Makes the call. It ends when the signal aborts. */
export type Open = (signal: AbortSignal) => AsyncIterable<StreamCompleteResponse>;

/**
 * An answer in pieces. It is read once: by a loop over the stream, for its events; by a loop over `text()`; or by
 * `final()`. The call is made when reading begins.
 *
 * Errors: `AntiphonError`, in the loop and from `final()`. What was read until then is not the whole answer.
 *
 * Aborts: leaving a loop before its end ends the call, as the signal of its options does.
 */
export class CompletionStream implements AsyncIterable<StreamEvent> {
  readonly #open: Open;
  readonly #signal: AbortSignal | undefined;
  readonly #call = new AbortController();
  readonly #answer = new Answer();
  readonly #whole = Promise.withResolvers<CompleteResponse>();
  #requestId: string | undefined;
  #isRead = false;

  constructor(open: Open, signal: AbortSignal | undefined) {
    this.#open = open;
    this.#signal = signal;
    // Whoever wants to know asks for it.
    this.#whole.promise.catch(() => undefined);
  }

  /** The events as they come: `start`, then deltas and perhaps `restart`, at last `completed`. */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent> {
    return this.#readBy(this.#events());
  }

  /**
   * The text alone, as it comes. After `restart`, what was given until then is void: without `onRestart` the call ends
   * with an error then, of code `aborted`, if any was given.
   */
  text({ onRestart }: TextOptions = {}): AsyncIterable<string> {
    return this.#readBy(this.#texts(onRestart));
  }

  /**
   * The whole response, with its content: only what counts after a `restart`. If a loop reads the stream, it resolves
   * when the loop has got there, so do not wait for it within the loop; else it reads the stream itself.
   */
  async final(): Promise<CompleteResponse> {
    if (!this.#isRead) await exhaust(this);
    return this.#whole.promise;
  }

  async *#events(): AsyncGenerator<StreamEvent> {
    const stop = () => this.#call.abort(this.#signal?.reason);
    if (this.#signal?.aborted) stop();
    this.#signal?.addEventListener('abort', stop, { once: true });
    try {
      for await (const { event } of this.#open(this.#call.signal)) {
        if (event.case === undefined) continue;
        this.#hear(event);
        yield event;
      }
      if (!this.#answer.response) throw this.#error('unavailable', 'The stream ended before the answer was whole.');
    } catch (thrown) {
      // Once it is whole, nothing that happens to the connection can take anything from it.
      if (!this.#answer.response) throw this.#fail(thrown);
    } finally {
      this.#signal?.removeEventListener('abort', stop);
    }
  }

  async *#texts(onRestart: TextOptions['onRestart']): AsyncGenerator<string> {
    let hasText = false;
    for await (const event of this.#events()) {
      if (event.case === 'textDelta' && event.value.text !== '') {
        hasText = true;
        yield event.value.text;
      } else if (event.case === 'restart') {
        if (hasText && !onRestart) throw this.#fail(this.#error('aborted', VOIDED));
        hasText = false;
        onRestart?.(event.value);
      }
    }
  }

  #hear(event: StreamEvent): void {
    if (event.case === 'start') this.#requestId = event.value.id;
    this.#answer.add(event);
    if (this.#answer.response) this.#whole.resolve(this.#answer.response);
  }

  #fail(thrown: unknown): AntiphonError {
    const error = antiphonError(thrown, { signal: this.#signal, requestId: this.#requestId });
    this.#whole.reject(error);
    this.#call.abort(error);
    return error;
  }

  #error(code: ErrorCode, message: string, reason?: Reason): AntiphonError {
    return new AntiphonError(code, message, { reason, requestId: this.#requestId });
  }

  /** Not the generator itself: left before it has begun, or while it waits, it would not hear of it. */
  #readBy<T>(generator: AsyncGenerator<T>): AsyncIterableIterator<T> {
    if (this.#isRead) throw new TypeError('A stream is read once, and somebody reads this one already.');
    this.#isRead = true;
    return {
      next: () => generator.next(),
      return: () => {
        this.#fail(this.#error('canceled', 'The stream was left before its end.', 'CANCELLED'));
        return generator.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

const VOIDED = 'The answer began anew, so the text so far is void. Give text() an onRestart to go on.';

async function exhaust(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
