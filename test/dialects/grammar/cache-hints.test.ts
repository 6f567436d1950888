import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PromptCacheHintSchema } from '#gen/antiphon/v1/completion_pb.js';
import { cacheBreakpoint } from '../../../src/dialects/grammar/cache-breakpoint.ts';
import { lastHints, nearestTtl, type Ttl } from '../../../src/dialects/grammar/cache-hints.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';

const hint = (seconds?: number, nanos = 0) => ({
  hint: create(PromptCacheHintSchema, seconds === undefined ? {} : { ttl: { seconds: BigInt(seconds), nanos } }),
  path: 'messages[0].content[0]',
});

const ttls: readonly Ttl<'short' | 'long'>[] = [
  ['short', 100],
  ['long', 200],
];

describe('the time to keep', () => {
  it.each<[number | undefined, number, 'short' | 'long' | undefined, boolean]>([
    [undefined, 0, undefined, false],
    [1, 0, 'short', true],
    [100, 0, 'short', false],
    [100, 1, 'short', true],
    [149, 999_999_999, 'short', true],
    [150, 0, 'long', true],
    [200, 0, 'long', false],
    [9_999, 0, 'long', true],
  ])('%s s and %i ns', (seconds, nanos, expected, isChanged) => {
    const warnings = new Warnings();
    expect(nearestTtl(hint(seconds, nanos), ttls, warnings)).toBe(expected);
    expect(warnings.all.map(({ field }) => field)).toEqual(
      isChanged ? ['messages[0].content[0].prompt_cache.ttl'] : [],
    );
  });

  it('is said to be one of those that are known', () => {
    const warnings = new Warnings();
    nearestTtl(hint(1), ttls, warnings);
    expect(warnings.all[0]?.message).toBe('The prompt cache ttl was sent as short: the provider knows short and long.');
  });
});

it('of too many, the last are kept, and the first that is left out is told of', () => {
  const property = fc.property(fc.nat(9), fc.integer({ min: 1, max: 9 }), (count, most) => {
    const warnings = new Warnings();
    const hints = Array.from({ length: count }, (_, i) => ({ path: `messages[${i}]` }));
    expect(lastHints(hints, most, warnings)).toEqual(hints.slice(Math.max(0, count - most)));
    expect(warnings.all.map(({ field }) => field)).toEqual(count > most ? ['messages[0].prompt_cache'] : []);
  });
  fc.assert(property);
});

it.each<[number | undefined, object]>([
  [undefined, { mode: 'explicit' }],
  [1_800, { mode: 'explicit', ttl: '30m' }],
  [43_200, { mode: 'explicit', ttl: '12h' }],
])('a breakpoint of %s s', (seconds, field) => {
  expect(cacheBreakpoint(hint(seconds), new Warnings())).toEqual({ prompt_cache_breakpoint: field });
});
