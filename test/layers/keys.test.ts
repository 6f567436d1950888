import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApiKey, Call } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type KeyAside, type KeyRefusal, KeyRing } from '../../src/layers/keys/key-ring.ts';
import { keys } from '../../src/layers/keys.ts';
import { helloResponse, listSink, testCall } from '../support/calls.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const key = (name: string, weight = 1): ApiKey => ({ name, value: `sk-test-${name}`, weight });
const [a, b, c] = [key('A'), key('B'), key('C')];

const refusals: readonly (readonly [KeyRefusal, number])[] = [
  ['upstream_auth', 300_000],
  ['upstream_billing', 900_000],
  ['upstream_rate_limited', 5_000],
];

describe('the ring', () => {
  it('shares calls by weight', () => {
    const clock = fakeClock();
    const ring = new KeyRing([key('A', 3), key('B', 1)], clock);
    const picks = [0, 0.25, 0.5, 0.74, 0.75, 0.99].map((chance) => {
      clock.chances = [chance];
      return ring.first()?.name;
    });
    expect(picks).toEqual(['A', 'A', 'A', 'A', 'B', 'B']);
  });

  it.each(refusals)('leaves a key alone after %s for %i ms, and not longer', (kind, restMs) => {
    const clock = fakeClock();
    const ring = new KeyRing([a, b], clock);
    expect(ring.refused(a, kind)).toEqual({ name: 'A', kind, untilMs: clock.now() + restMs });
    expect(ring.refused(a, kind)).toBeUndefined();
    expect([ring.first()?.name, ring.aside.map(({ name }) => name)]).toEqual(['B', ['A']]);
    clock.advance(restMs - 1);
    expect(ring.first()).toBe(b);
    clock.advance(1);
    expect([ring.first(), ring.aside]).toEqual([a, []]);
  });

  it('leaves it alone for as long as the provider says', () => {
    const ring = new KeyRing([a, b], fakeClock());
    expect(ring.refused(a, 'upstream_rate_limited', 60_000)?.untilMs).toBe(61_000);
    expect(ring.refused(b, 'upstream_rate_limited', 0)).toMatchObject({ name: 'B' });
    expect(ring.first()).toBe(b);
  });

  it('has no key without keys', () => {
    expect(new KeyRing([], fakeClock()).first()).toBeUndefined();
  });

  it('never leaves all alone: the one whose time is up first is still used', () => {
    const names = fc.uniqueArray(fc.constantFrom('A', 'B', 'C', 'D'), { minLength: 1 });
    const waits = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 4, maxLength: 4 });
    const property = fc.property(
      names,
      waits,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (those, each, chance) => {
        const clock: FakeClock = { ...fakeClock(), random: () => chance };
        const all = those.map((name) => key(name));
        const ring = new KeyRing(all, clock);
        for (const [i, one] of all.entries()) ring.refused(one, 'upstream_auth', each[i]);
        const soonest = Math.min(...all.map((_, i) => each[i] ?? 0));
        const first = ring.first();
        expect(each[all.findIndex(({ name }) => name === first?.name)]).toBe(soonest);
        expect(ring.another(new Set())).toBeUndefined();
      },
    );
    fc.assert(property);
  });
});

/** A provider that refuses some keys, and what it was asked with. */
function provider(refused: Readonly<Record<string, KeyRefusal | 'upstream_error' | undefined>>) {
  const asked: string[] = [];
  const next = async (call: Call) => {
    const name = call.key?.name ?? 'none';
    asked.push(name);
    call.trail.attempts.push({ leftBecause: '' } as Call['trail']['attempts'][number]);
    const kind = refused[name];
    if (kind) throw new GatewayError(kind, 'no');
    return helloResponse();
  };
  return { asked, next };
}

describe('the layer', () => {
  const news: KeyAside[] = [];
  const ringOf = (...those: ApiKey[]) => new KeyRing(those, fakeClock());

  it('passes on calls of a provider without keys', async () => {
    const { asked, next } = provider({});
    await keys(ringOf(), () => undefined)(next)(testCall());
    expect(asked).toEqual(['none']);
  });

  it.each(refusals)('goes on with the next key after %s', async (kind) => {
    const { asked, next } = provider({ A: kind, B: kind });
    const call = testCall();
    news.length = 0;
    const complete = keys(ringOf(a, b, c), (aside) => news.push(aside))(next);
    await complete(call);
    await complete(testCall());
    expect(asked).toEqual(['A', 'B', 'C', 'C']);
    expect(news.map(({ name }) => name)).toEqual(['A', 'B']);
    expect(call.trail.attempts.map(({ leftBecause }) => leftBecause)).toEqual([
      'the provider refused the key A',
      'the provider refused the key B',
      '',
    ]);
  });

  it('fails as the last key did, and tries no key twice in a call', async () => {
    const { asked, next } = provider({ A: 'upstream_billing', B: 'upstream_auth' });
    const complete = keys(ringOf(a, b), () => undefined)(next);
    await expect(complete(testCall())).rejects.toMatchObject({ kind: 'upstream_auth' });
    await expect(complete(testCall())).rejects.toMatchObject({ kind: 'upstream_auth' });
    expect(asked).toEqual(['A', 'B', 'B']);
  });

  it('leaves other failures to others', async () => {
    const { asked, next } = provider({ A: 'upstream_error' });
    const ring = ringOf(a, b);
    await expect(keys(ring, () => undefined)(next)(testCall())).rejects.toMatchObject({ kind: 'upstream_error' });
    expect([asked, ring.aside]).toEqual([['A'], []]);
  });

  it.each<[string, Partial<Call>]>([
    ['the caller has gone', { signal: AbortSignal.abort() }],
    ['something has gone to the caller', { sink: { ...listSink(), committed: true } }],
  ])('tries no other key when %s', async (_, overrides) => {
    const { asked, next } = provider({ A: 'upstream_auth' });
    await expect(keys(ringOf(a, b), () => undefined)(next)(testCall(overrides))).rejects.toThrow();
    expect(asked).toEqual(['A']);
  });

  it('takes a key back into use as soon as it works', async () => {
    const { next } = provider({});
    const ring = ringOf(a);
    ring.refused(a, 'upstream_auth');
    await keys(ring, () => undefined)(next)(testCall());
    expect(ring.aside).toEqual([]);
  });
});
