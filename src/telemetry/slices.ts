import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Clock } from '../core/clock.ts';

/**
 * Hands spans on in parts, with a turn of the event loop after each, since to serialize them all at once would hold up
 * every call. The parts are sent at the same time, so that a slow collector is no slower for it.
 */
export class SlicedExporter implements SpanExporter {
  readonly #inner: SpanExporter;
  readonly #size: number;
  readonly #clock: Pick<Clock, 'after'>;

  /** `size`: how many spans go at once, at most. */
  constructor(inner: SpanExporter, size: number, clock: Pick<Clock, 'after'>) {
    this.#inner = inner;
    this.#size = size;
    this.#clock = clock;
  }

  /** Calls `done` once, when the fate of all parts is known: with the first failure, if there was one. */
  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    let left = Math.max(1, Math.ceil(spans.length / this.#size));
    let outcome: ExportResult = { code: ExportResultCode.SUCCESS };
    const ended = (result: ExportResult) => {
      if (outcome.code === ExportResultCode.SUCCESS) outcome = result;
      left -= 1;
      if (left === 0) done(outcome);
    };
    const send = (from: number) => {
      const next = from + this.#size;
      if (next < spans.length) this.#clock.after(0, () => send(next));
      this.#inner.export(spans.slice(from, next), ended);
    };
    send(0);
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush?.() ?? Promise.resolve();
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
