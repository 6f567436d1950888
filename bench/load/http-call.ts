import type { Dispatcher } from 'undici';
import type { Listener } from './caller.ts';

/** What an HTTP answer is read with. */
export interface Reader {
  data(bytes: Buffer): void;
  /** What is wrong with the answer, now that it is over. */
  end(): string | undefined;
}

/** One call over HTTP/1.1. */
export class HttpCall implements Dispatcher.DispatchHandler {
  readonly #reader: Reader;
  readonly #listener: Listener;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;

  constructor(reader: Reader, listener: Listener) {
    this.#reader = reader;
    this.#listener = listener;
  }

  cancel(): void {
    this.#controller?.abort(new Error('cancelled'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_: Dispatcher.DispatchController, bytes: Buffer): void {
    this.#reader.data(bytes);
  }

  onResponseEnd(): void {
    this.#listener.done(this.#status === 200 ? this.#reader.end() : `HTTP status ${this.#status}`);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#listener.done(error.message);
  }
}
