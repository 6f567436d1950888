import { durationMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { Line } from '../support/upstream.ts';
import { expectCalls, expectQuiet, failedTry, inWords } from './outage-checks.ts';
import { fastClock, shiftedClock } from './outage-clock.ts';
import type { Reason } from './outage-row.ts';
import {
  alone,
  answerWhole,
  byRoute,
  contentOf,
  ending,
  type Place,
  type Stage,
  scripted,
  setStage,
  WHOLE,
  withFallback,
} from './outage-stage.ts';
import { HOWS } from './upstream-scene.ts';

type Headers = Readonly<Record<string, string>>;

const refuse = (line: Line, status: number, code: string, headers: Headers = {}) =>
  line.json(status, { error: { code, type: code, message: 'Not now.' } }, { ...headers });

/** Refuses the first call, and answers all others. */
const once = (status: number, code: string, headers: Headers = {}): Promise<Place> =>
  scripted((line, n) => (n === 0 ? refuse(line, status, code, headers) : answerWhole(line)));

const health = async ({ gateway }: Stage) => {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/antiphon.v1.LlmService/Health`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  return (await response.json()) as { readonly providers: unknown };
};

const NOW = 'Sat, 21 Nov 2026 12:00:00 GMT';

/** Every way to say how long to stay away, and for how long that is. */
const waits: readonly (readonly [what: string, Headers, ms: number])[] = [
  ['seconds', { 'retry-after': '7' }, 7_000],
  ['a part of a second', { 'retry-after': '2.5' }, 2_500],
  ['milliseconds', { 'retry-after-ms': '1700', 'retry-after': '9' }, 1_700],
  ['a date', { 'retry-after': 'Sat, 21 Nov 2026 12:00:15 GMT', date: NOW }, 15_000],
  [
    'a date of a server whose clock is wrong',
    { 'retry-after': 'Thu, 01 Jan 1970 00:00:04 GMT', date: 'Thu, 01 Jan 1970 00:00:00 GMT' },
    4_000,
  ],
  ['the reset of a limit', { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6s' }, 6_000],
];

/** Shedding is off where a second of the gateway's is a moment: it would take every delay for a long one. */
const FAST = { clock: fastClock(50), more: { shedding: { enabled: false } }, timeouts: { total_ms: 600_000 } } as const;

describe('row 14: a provider that says how long to stay away', () => {
  it.each(waits)('is asked again after that time if there is no other, said as %s', async (_, headers, ms) => {
    for (const how of HOWS) {
      const stage = await setStage(await once(429, 'rate_limit_exceeded', headers), FAST);
      const reply = await stage.ask(how, alone);
      expect(contentOf(reply)).toEqual(WHOLE);
      const [left] = ending(reply)?.attempts ?? [];
      expect(left).toMatchObject(failedTry('UPSTREAM_RATE_LIMITED', expect.stringMatching(/^tried again after/)));
      const waitedMs = Number(/\d+/.exec(left?.leftBecause ?? '')?.[0]);
      expect(waitedMs).toBeGreaterThanOrEqual(ms);
      // Drawn out by chance, so that not all come back at once.
      expect(waitedMs).toBeLessThanOrEqual(ms * 1.1 + 250);
      expectCalls(stage, { first: 2, second: 0 });
      await expectQuiet(stage, { keeps: true });
    }
  });

  it.each(waits)(
    'is left at once if there is another, and passed over until then, said as %s',
    async (_, headers, ms) => {
      for (const how of HOWS) {
        const clock = shiftedClock();
        const stage = await setStage(await once(429, 'rate_limit_exceeded', headers), { clock });
        const moved = await stage.ask(how, byRoute);
        expect(ending(moved)?.attempts).toMatchObject([
          failedTry('UPSTREAM_RATE_LIMITED', 'upstream rate limited: went on to second/two'),
          { provider: 'second' },
        ]);
        expectCalls(stage, { first: 1, second: 1 });
        const passed = ending(await stage.ask(how, withFallback));
        expect(passed).toMatchObject({ provider: 'second', attempts: [{ provider: 'second' }] });
        expect(passed?.selectionReason).toContain('first/one passed over: cooling');
        expectCalls(stage, { first: 1, second: 2 });
        clock.skip(ms);
        expect(ending(await stage.ask(how, byRoute))).toMatchObject({
          provider: 'first',
          attempts: [{ provider: 'first' }],
        });
        expectCalls(stage, { first: 2, second: 2 });
        await expectQuiet(stage, { keeps: true });
      }
    },
  );

  it('is asked once more even so, if it is away for only a moment', async () => {
    for (const how of HOWS) {
      const stage = await setStage(await once(429, 'rate_limit_exceeded', { 'retry-after-ms': '30' }));
      expect(ending(await stage.ask(how, byRoute))?.attempts).toMatchObject([
        failedTry('UPSTREAM_RATE_LIMITED', expect.stringMatching(/^tried again after \d+ ms$/)),
        { provider: 'first', status: 0 },
      ]);
      expectCalls(stage, { first: 2, second: 0 });
      await expectQuiet(stage, { keeps: true });
    }
  });

  it.each([
    ['a huge wait', { 'retry-after': '99999999' }, 3_600_000],
    ['more than is waited for', { 'retry-after': '21' }, 21_000],
    ['a date far away', { 'retry-after': 'Sun, 22 Nov 2026 12:00:00 GMT', date: NOW }, 3_600_000],
  ])('is not waited for, and the caller is told: %s', async (_, headers, ms) => {
    for (const how of HOWS) {
      const stage = await setStage(await once(429, 'rate_limit_exceeded', headers));
      const { error } = await stage.ask(how, alone);
      expect(error?.errorInfo?.reason).toBe('UPSTREAM_RATE_LIMITED');
      expect(error?.retryInfo?.retryDelay && durationMs(error.retryInfo.retryDelay)).toBe(ms);
      expect(error?.metadata['grpc-retry-pushback-ms']).toBe(String(ms));
      expectCalls(stage, { first: 1, second: 0 });
      await expectQuiet(stage, { keeps: true });
    }
  });

  it.each([
    ['garbage', { 'retry-after': 'soon' }],
    ['a negative number', { 'retry-after': '-5' }],
    ['a date without another to hold it against', { 'retry-after': 'Sat, 21 Nov 2026 12:00:15 GMT' }],
    ['a date that is over', { 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT', date: NOW }],
    ['nothing', {}],
  ])('is asked again as soon as any other: %s', async (_, headers) => {
    for (const how of HOWS) {
      const stage = await setStage(await once(429, 'rate_limit_exceeded', headers));
      expect(contentOf(await stage.ask(how, byRoute))).toEqual(WHOLE);
      expectCalls(stage, { first: 2, second: 0 });
      await expectQuiet(stage, { keeps: true });
    }
  });
});

describe.each<[row: number, status: number, code: string, Reason]>([
  [17, 401, 'invalid_api_key', 'UPSTREAM_AUTH'],
  [17, 403, 'permission_denied', 'UPSTREAM_AUTH'],
  [18, 402, 'payment_required', 'UPSTREAM_BILLING'],
  [18, 429, 'insufficient_quota', 'UPSTREAM_BILLING'],
])('row %i: a provider that answers %i (%s)', (_, status, code, reason) => {
  it.each(HOWS)('is passed over until later, and then asked again, %s', async (how) => {
    const clock = shiftedClock();
    const stage = await setStage(await once(status, code), { clock });
    expect(ending(await stage.ask(how, withFallback))?.attempts).toMatchObject([
      failedTry(reason, `${inWords(reason)}: went on to second/two`),
      { provider: 'second' },
    ]);
    for (let asked = 2; asked <= 4; asked++) {
      expect(ending(await stage.ask(how, byRoute))).toMatchObject({ attempts: [{ provider: 'second' }] });
      expectCalls(stage, { first: 1, second: asked });
    }
    const { providers } = await health(stage);
    expect(providers).toMatchObject([
      { provider: 'first', keysSetAside: [{ name: 'FIRST_KEY', reason: `ERROR_REASON_${reason}` }] },
      { provider: 'second' },
    ]);
    clock.skip(61_000);
    expect(ending(await stage.ask(how, byRoute))).toMatchObject({
      provider: 'first',
      attempts: [{ provider: 'first' }],
    });
    expectCalls(stage, { first: 2, second: 4 });
    await expectQuiet(stage, { keeps: true });
  });
});

describe('row 15: a provider that keeps failing', () => {
  it.each(HOWS)('is not asked at all any more, until it works again, %s', async (how) => {
    const clock = shiftedClock();
    const failures = 5;
    const first = await scripted((line, n) =>
      n < failures ? refuse(line, 503, 'overloaded_error') : answerWhole(line),
    );
    const stage = await setStage(first, { clock });
    for (let asked = 1; asked <= 3; asked++) {
      expect(ending(await stage.ask(how, byRoute))).toMatchObject({ provider: 'second' });
      expectCalls(stage, { first: Math.min(2 * asked, failures), second: asked });
    }
    const passed = ending(await stage.ask(how, byRoute));
    expect(passed).toMatchObject({ provider: 'second', attempts: [{ provider: 'second' }] });
    expect(passed?.selectionReason).toContain('first/one passed over: open');
    expectCalls(stage, { first: failures, second: 4 });
    clock.skip(5_000);
    expect(ending(await stage.ask(how, byRoute))).toMatchObject({
      provider: 'first',
      attempts: [{ provider: 'first' }],
    });
    expectCalls(stage, { first: failures + 1, second: 4 });
    await expectQuiet(stage, { keeps: true });
  });

  it.each(HOWS)('is still asked by one call at a time where there is no other, %s', async (how) => {
    const first = await scripted((line) => refuse(line, 503, 'overloaded_error'));
    const stage = await setStage(first, { more: { breaker: { consecutive_failures: 1 } } });
    for (let asked = 1; asked <= 3; asked++) {
      const { error } = await stage.ask(how, alone);
      expect(error?.errorInfo?.reason).toBe('UPSTREAM_OVERLOADED');
    }
    expectCalls(stage, { first: 12, second: 0 });
    await expectQuiet(stage, { keeps: true });
  });
});
