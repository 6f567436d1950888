import {
  type Span as ApiSpan,
  SpanKind as ApiSpanKind,
  type Context,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Span, SpanKind, SpanValue } from '../core/span.ts';
import { formatTraceparent } from './trace-context.ts';

const kinds: Readonly<Record<SpanKind, ApiSpanKind>> = { server: ApiSpanKind.SERVER, client: ApiSpanKind.CLIENT };

/** Starts a span, or only carries its trace on where the sampler says not to record it. */
export function startSpan(tracer: Tracer, name: string, kind: SpanKind, parent: Context): Span {
  const span = tracer.startSpan(name, { kind: kinds[kind] }, parent);
  if (span.isRecording()) return new RecordedSpan(tracer, span);
  const { traceId, spanId } = span.spanContext();
  return carriedSpan(() => formatTraceparent(traceId, spanId, false));
}

/** A span that goes to the collector when it ends. */
class RecordedSpan implements Span {
  readonly isRecorded = true;
  readonly #tracer: Tracer;
  readonly #span: ApiSpan;

  constructor(tracer: Tracer, span: ApiSpan) {
    this.#tracer = tracer;
    this.#span = span;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return formatTraceparent(traceId, spanId, (traceFlags & TraceFlags.SAMPLED) !== 0);
  }

  child(name: string, kind: SpanKind): Span {
    return startSpan(this.#tracer, name, kind, trace.setSpan(ROOT_CONTEXT, this.#span));
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  set(attributes: Readonly<Record<string, SpanValue | undefined>>): void {
    for (const name in attributes) {
      const value = attributes[name];
      if (value === undefined) continue;
      this.#span.setAttribute(name, typeof value === 'object' ? [...value] : value);
    }
  }

  fail(errorType: string): void {
    this.#span.setAttribute('error.type', errorType);
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.#span.end();
  }
}

/** A span that is not recorded: its trace goes on to the provider, and all below it share it. */
class CarriedSpan implements Span {
  readonly isRecorded = false;
  readonly #makeTraceparent: () => string;
  #traceparent: string | undefined;

  constructor(makeTraceparent: () => string) {
    this.#makeTraceparent = makeTraceparent;
  }

  get traceparent(): string {
    this.#traceparent ??= this.#makeTraceparent();
    return this.#traceparent;
  }

  child(): Span {
    return this;
  }

  rename(): void {}
  set(): void {}
  fail(): void {}
  end(): void {}
}

/** Carries a trace on without recording it. Its `traceparent` is made when it is first asked for. */
export const carriedSpan = (makeTraceparent: () => string): Span => new CarriedSpan(makeTraceparent);
