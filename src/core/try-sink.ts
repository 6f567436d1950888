import type { Delta, Sink } from './events.ts';

/**
 * The caller's sink as one of several tries sees it: nothing has gone there until this try has sent something.
 *
 * `begin` is asked before its first piece goes there. False: another try gives the answer, and the caller gets nothing
 * of this one.
 */
export class TrySink implements Sink {
  readonly #sink: Sink;
  readonly #begin: () => boolean;
  #state: 'new' | 'open' | 'shut' = 'new';

  constructor(sink: Sink, begin: () => boolean) {
    this.#sink = sink;
    this.#begin = begin;
  }

  get committed(): boolean {
    return this.#state === 'open';
  }

  emit(delta: Delta): boolean {
    if (this.#state === 'new') this.#state = this.#begin() ? 'open' : 'shut';
    return this.#state === 'shut' || this.#sink.emit(delta);
  }

  ready(): Promise<void> {
    return this.#sink.ready();
  }
}
