export type SpanKind = 'server' | 'client';

export type SpanValue = string | number | boolean | readonly string[];

/** What the call path needs of a tracer. Telemetry gives a real one; `noSpan` is for when nothing is recorded. */
export interface Span {
  /** The W3C header that makes what comes next a child of this span; undefined if there is no trace to carry. */
  readonly traceparent: string | undefined;
  /** False: what is set goes nowhere, so that nothing has to be worked out for it. */
  readonly isRecorded: boolean;
  child(name: string, kind: SpanKind): Span;
  rename(name: string): void;
  set(attributes: Readonly<Record<string, SpanValue | undefined>>): void;
  /** Marks it failed. `errorType` is from a closed set; no message is recorded. */
  fail(errorType: string): void;
  /** Must be called once. */
  end(): void;
}

export const noSpan: Span = {
  traceparent: undefined,
  isRecorded: false,
  child: () => noSpan,
  rename: () => undefined,
  set: () => undefined,
  fail: () => undefined,
  end: () => undefined,
};
