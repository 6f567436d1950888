import { describe, expect, it } from 'vitest';
import { addWarnings, newTrail } from '../../src/core/call.ts';
import { type Complete, compose, type NamedLayer } from '../../src/core/complete.ts';
import { noSpan } from '../../src/core/span.ts';
import { adjusted, contentOmitted, dropped, mocked } from '../../src/core/warnings.ts';
import { helloResponse, testCall } from '../support/calls.ts';

describe('addWarnings', () => {
  it('adds each warning once, however often it comes', () => {
    const trail = newTrail();
    addWarnings(trail, [dropped('top_k', 'not taken'), mocked()]);
    addWarnings(trail, [mocked(), dropped('top_k', 'not taken'), adjusted('top_k', 'rounded')]);
    expect(trail.warnings).toEqual([dropped('top_k', 'not taken'), mocked(), adjusted('top_k', 'rounded')]);
  });

  it('keeps warnings that differ in their field or their words', () => {
    const trail = newTrail();
    const warnings = [dropped('a', 'x'), dropped('b', 'x'), dropped('a', 'y'), contentOmitted('x')];
    addWarnings(trail, warnings);
    expect(trail.warnings).toEqual(warnings);
  });

  it('keeps trails apart', () => {
    addWarnings(newTrail(), [mocked()]);
    expect(newTrail().warnings).toEqual([]);
  });
});

describe('compose', () => {
  it('puts the first layer outermost', async () => {
    const seen: string[] = [];
    const named = (name: string): NamedLayer => ({
      name,
      layer: (next) => async (call) => {
        seen.push(`${name} in`);
        const response = await next(call);
        seen.push(`${name} out`);
        return response;
      },
    });
    const inner: Complete = async () => {
      seen.push('backend');
      return helloResponse();
    };
    await compose([named('a'), named('b')], inner)(testCall());
    expect(seen).toEqual(['a in', 'b in', 'backend', 'b out', 'a out']);
  });

  it('is the backend itself without layers', () => {
    const inner: Complete = async () => helloResponse();
    expect(compose([], inner)).toBe(inner);
  });
});

describe('noSpan', () => {
  it('takes everything and gives nothing', () => {
    const span = noSpan.child('x', 'client');
    span.rename('y');
    span.set({ a: 1 });
    span.fail('internal');
    span.end();
    expect(span).toBe(noSpan);
    expect(span.traceparent).toBeUndefined();
  });
});
