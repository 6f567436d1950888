import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SlicedExporter } from '../../src/telemetry/slices.ts';
import { fakeClock } from '../support/fake-clock.ts';

const spans = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `${i}` })) as ReadableSpan[];

/** An exporter that answers when it is told to. */
function slowExporter() {
  const parts: { readonly names: readonly string[]; readonly done: (result: ExportResult) => void }[] = [];
  const exporter: SpanExporter = {
    export: (some, done) => void parts.push({ names: some.map(({ name }) => name), done }),
    shutdown: async () => undefined,
  };
  return { exporter, parts };
}

const ok = { code: ExportResultCode.SUCCESS };

it('gives every span on once, in order, in parts of the size, however many there are', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer({ min: 1, max: 64 }), (count, size) => {
      const clock = fakeClock();
      const { exporter, parts } = slowExporter();
      const results: ExportResult[] = [];
      new SlicedExporter(exporter, size, clock).export(spans(count), (result) => results.push(result));
      clock.advance(0);
      expect(parts.flatMap(({ names }) => names)).toEqual(spans(count).map(({ name }) => name));
      expect(parts.every(({ names }) => names.length <= size)).toBe(true);
      for (const { done } of parts) {
        expect(results).toEqual([]);
        done(ok);
      }
      expect(results).toEqual([ok]);
    }),
  );
});

it('gives one part at a time, without waiting for an answer', () => {
  const clock = fakeClock();
  const { exporter, parts } = slowExporter();
  new SlicedExporter(exporter, 2, clock).export(spans(5), () => undefined);
  expect(parts).toHaveLength(1);
  clock.advance(0);
  expect(parts).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

it('tells of the first failure when all parts are over', () => {
  const clock = fakeClock();
  const { exporter, parts } = slowExporter();
  const results: ExportResult[] = [];
  new SlicedExporter(exporter, 1, clock).export(spans(3), (result) => results.push(result));
  clock.advance(0);
  const failed = { code: ExportResultCode.FAILED, error: new Error('no') };
  parts[2]?.done(failed);
  parts[0]?.done(ok);
  expect(results).toEqual([]);
  parts[1]?.done({ code: ExportResultCode.FAILED, error: new Error('later') });
  expect(results).toEqual([failed]);
});
