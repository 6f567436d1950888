import type { Dispatcher } from 'undici';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Connections, ReuseAware } from './connections.ts';
import { isReset, transportError } from './transport-error.ts';

export interface HttpRequest {
  /** Default: POST. */
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: none, as a GET has it. */
  readonly body?: string;
}

/** Takes an answer as it comes. Throwing from any of these ends the exchange with that error. */
export interface Receiver {
  /** The request is on a connection. Called again when it is sent a second time. */
  connected(): void;
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** False: read no more until `ready` resolves. */
  data(bytes: Uint8Array): boolean;
  ready(): Promise<void>;
  /** Whether the answer is over, although the provider has not closed it. Asked after each `data`. */
  readonly done: boolean;
}

/** Whether an answer is compressed, although `identity` was asked for. Nothing here inflates anything. */
export const isCompressed = (headers: Readonly<Record<string, string>>): boolean =>
  !['', 'identity'].includes((headers['content-encoding'] ?? '').toLowerCase());

/** How long a provider may take to close an answer that is over; a connection that does not is not used again. */
const LINGER_MS = 1_000;

/**
 * One request and its answer. Resolves when the answer has been taken whole, or `receiver.done`.
 *
 * A connection that was used before may have been closed by the provider while the request was on its way; if no byte
 * of an answer came, the request is sent once more, on a connection of its own.
 *
 * Errors: those of the receiver; `upstream_*` for what happens to the connection. When `signal` aborts, the connection
 * is closed at once and it rejects with the signal's reason.
 */
export async function exchange(
  via: Pick<Connections, 'dispatch' | 'dispatchFresh'>,
  request: HttpRequest,
  signal: AbortSignal,
  receiver: Receiver,
  clock: Pick<Clock, 'after'>,
): Promise<void> {
  const options: Dispatcher.DispatchOptions = { method: 'POST', ...request };
  const first = new Exchange(receiver, signal, clock);
  try {
    await first.run((handler) => via.dispatch(options, handler));
  } catch (error) {
    if (!first.lostIdleConnection) throw error;
    await new Exchange(receiver, signal, clock).run((handler) => via.dispatchFresh(options, handler));
  }
}

class Exchange implements ReuseAware {
  reusedConnection = false;
  abandon?: () => void;
  lostIdleConnection = false;
  readonly #receiver: Receiver;
  readonly #signal: AbortSignal;
  readonly #clock: Pick<Clock, 'after'>;
  #controller: Dispatcher.DispatchController | undefined;
  #answered = false;
  /** Set when the answer is over, and the provider has not closed it. */
  #lingering: Timer | undefined;
  #settled = false;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(receiver: Receiver, signal: AbortSignal, clock: Pick<Clock, 'after'>) {
    this.#receiver = receiver;
    this.#signal = signal;
    this.#clock = clock;
  }

  run(dispatch: (handler: ReuseAware) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.#signal.aborted) return this.#fail(this.#signal.reason);
      this.#signal.addEventListener('abort', this.#onAbort, { once: true });
      dispatch(this);
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) return controller.abort(new Error('abandoned'));
    this.#guard(() => this.#receiver.connected());
  }

  /** The first byte has come. */
  onResponseStarted(): void {
    this.#answered = true;
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ) {
    if (this.#settled || status < 200) return;
    this.#guard(() => this.#receiver.head(status, singleValues(headers)));
  }

  onResponseData(_: Dispatcher.DispatchController, bytes: Uint8Array): void {
    if (this.#settled) this.#controller?.abort(new Error('answer was over'));
    else this.#guard(() => this.#take(bytes));
  }

  onResponseEnd(): void {
    this.#lingering?.cancel();
    this.#succeed();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#lingering?.cancel();
    if (this.#settled) return;
    this.lostIdleConnection = this.reusedConnection && !this.#answered && isReset(error);
    this.#fail(transportError(error));
  }

  #take(bytes: Uint8Array): void {
    if (!this.#receiver.data(bytes)) this.#pause();
    if (!this.#receiver.done || this.#lingering) return;
    this.#succeed();
    this.#lingering = this.#clock.after(LINGER_MS, () => this.#controller?.abort(new Error('answer was over')));
  }

  #pause(): void {
    const controller = this.#controller;
    controller?.pause();
    void this.#receiver.ready().then(() => {
      if (!controller?.aborted) controller?.resume();
    });
  }

  /** Runs a step of the receiver; what it throws ends the exchange. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onAbort = () => this.#fail(this.#signal.reason);

  #succeed(): void {
    if (this.#settled) return;
    this.#settle();
    this.#resolve();
  }

  #fail(error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(error);
    if (this.#controller) this.#controller.abort(error instanceof Error ? error : new Error('abandoned'));
    else this.abandon?.();
  }

  #settle(): void {
    this.#settled = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}

function singleValues(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const single: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) single[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return single;
}
