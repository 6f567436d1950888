import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApiKey, Call } from '../../src/core/call.ts';
import { type ErrorKind, GatewayError } from '../../src/core/errors.ts';
import { type KeyAside, type KeyRefusal, KeyRing } from '../../src/layers/keys/key-ring.ts';
import { askWithKey } from '../../src/layers/keys/listing-key.ts';
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

  it('does not shorten a rest: a key that was refused for good is not back after a rate limit', () => {
    const clock = fakeClock();
    const ring = new KeyRing([a], clock);
    ring.refused(a, 'upstream_auth');
    const aside = ring.aside;
    expect(ring.refused(a, 'upstream_rate_limited')).toBeUndefined();
    expect(ring.aside).toEqual(aside);
    ring.refused(a, 'upstream_billing');
    expect(ring.aside[0]?.kind).toBe('upstream_billing');
  });

  it('takes a key back when a call that began after its refusal ends well, and not for an older one', () => {
    const ring = new KeyRing([a, b], fakeClock());
    const before = ring.refusals;
    ring.refused(a, 'upstream_billing');
    ring.taken(a, before);
    expect(ring.aside).toHaveLength(1);
    ring.taken(a, ring.refusals);
    expect(ring.aside).toEqual([]);
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

const words: Readonly<Record<KeyRefusal, string>> = {
  upstream_auth: 'refused',
  upstream_billing: 'credit',
  upstream_rate_limited: 'rate limit',
};

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

const refusedFor = (retryAfterMs: number) => new GatewayError('upstream_rate_limited', 'no', { retryAfterMs });

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
      expect.stringMatching(new RegExp(`${words[kind]}.* A$`)),
      expect.stringMatching(new RegExp(`${words[kind]}.* B$`)),
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

  it('tries no key twice in a call, even if it may be used again at once', async () => {
    const asked: unknown[] = [];
    const complete = keys(
      ringOf(a, b),
      () => undefined,
    )(async ({ key: used }) => {
      asked.push(used);
      throw new GatewayError(asked.length > 2 ? 'internal' : 'upstream_rate_limited', 'no', { retryAfterMs: 0 });
    });
    await expect(complete(testCall())).rejects.toMatchObject({ kind: 'upstream_rate_limited' });
    expect(asked).toEqual([a, b]);
  });

  it.each<[string, [KeyRefusal, number?], [KeyRefusal, number?], number | undefined]>([
    ['another key is back sooner', ['upstream_rate_limited', 2_000], ['upstream_rate_limited', 60_000], 1_900],
    ['another key is back sooner than a bad one', ['upstream_rate_limited', 2_000], ['upstream_auth', 9_000], 1_900],
    ['this one is back sooner', ['upstream_auth'], ['upstream_rate_limited', 60_000], 60_000],
    ['no time was named', ['upstream_rate_limited', 2_000], ['upstream_billing'], undefined],
  ])('shortens a wait to the time until any key can be used, when %s', async (_, first, second, waitMs) => {
    const clock = fakeClock();
    const ring = new KeyRing([a, b], clock);
    const scripts = [first, second];
    const layer = keys(
      ring,
      () => undefined,
    )(async () => {
      const [kind, retryAfterMs] = scripts.shift() ?? second;
      clock.advance(100);
      throw new GatewayError(kind, 'no', retryAfterMs === undefined ? {} : { retryAfterMs });
    });
    const error = await layer(testCall()).catch((thrown: GatewayError) => thrown);
    expect(error).toMatchObject({ kind: second[0] });
    expect((error as GatewayError).facts.retryAfterMs).toBe(waitMs);
  });

  it('shortens it also if the key that is back sooner was refused to an earlier call', async () => {
    const ring = ringOf(a, b);
    ring.refused(a, 'upstream_rate_limited', 10_000);
    const layer = keys(ring, () => undefined)(() => Promise.reject(refusedFor(60_000)));
    await expect(layer(testCall())).rejects.toMatchObject({ facts: { retryAfterMs: 10_000 } });
  });

  it('never draws it out', async () => {
    const ring = ringOf(a);
    ring.refused(a, 'upstream_auth');
    const layer = keys(ring, () => undefined)(() => Promise.reject(refusedFor(60_000)));
    await expect(layer(testCall())).rejects.toMatchObject({ facts: { retryAfterMs: 60_000 } });
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

describe('two calls at once', () => {
  it('that meet the same bad key tell of it once, and a slow one does not bring it back', async () => {
    const clock = fakeClock();
    const ring = new KeyRing([a, b], clock);
    const told: KeyAside[] = [];
    const slow = Promise.withResolvers<void>();
    const layer = keys(ring, (aside) => told.push(aside));
    clock.chances = [0, 0, 0];
    const older = layer(async () => {
      await slow.promise;
      return helloResponse();
    })(testCall());
    const refusing = layer(async ({ key: used }) => {
      await Promise.resolve();
      if (used === a) throw new GatewayError('upstream_billing', 'no');
      return helloResponse();
    });
    await Promise.all([refusing(testCall()), refusing(testCall())]);
    slow.resolve();
    await older;
    expect([told.map(({ name }) => name), ring.aside.map(({ name }) => name)]).toEqual([['A'], ['A']]);
  });
});

describe('asking for what is no call', () => {
  const ask = async (ring: KeyRing, error?: GatewayError) => {
    const told: KeyAside[] = [];
    const asked = askWithKey(
      ring,
      (aside) => told.push(aside),
      async (used) => {
        if (error) throw error;
        return used?.name;
      },
    );
    return { told, answer: await asked.catch((thrown: unknown) => thrown) };
  };

  it('uses a key of the ring, or none', async () => {
    expect(await ask(new KeyRing([a], fakeClock()))).toEqual({ told: [], answer: 'A' });
    expect(await ask(new KeyRing([], fakeClock()))).toEqual({ told: [], answer: undefined });
  });

  it.each<[ErrorKind, number, number]>([
    ['upstream_auth', 401, 1],
    ['upstream_auth', 400, 1],
    ['upstream_auth', 403, 0],
    ['upstream_billing', 402, 0],
    ['upstream_rate_limited', 429, 0],
    ['upstream_error', 500, 0],
  ])('%s with status %i leaves %i keys alone', async (kind, upstreamStatus, left) => {
    const ring = new KeyRing([a], fakeClock());
    const error = new GatewayError(kind, 'no', { upstreamStatus });
    expect(await ask(ring, error)).toEqual({ told: ring.aside, answer: error });
    expect(ring.aside).toHaveLength(left);
  });

  it('takes no key back: there are lists that anybody may read', async () => {
    const ring = new KeyRing([a], fakeClock());
    ring.refused(a, 'upstream_billing');
    await ask(ring);
    expect(ring.aside).toHaveLength(1);
  });
});
