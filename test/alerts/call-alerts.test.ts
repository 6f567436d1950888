import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL_CALLS, CallAlerts, type EndedCall } from '../../src/alerts/call-alerts.ts';
import { type AlertSettings, defaultAlerts } from '../../src/alerts/settings.ts';
import { errorKinds, errorRule } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { fakeClock } from '../support/fake-clock.ts';

type Alert = Extract<News, { type: 'alert' }>;

const HOUR_MS = 3_600_000;
const target = { provider: 'p', model: 'm' };
const good: EndedCall = { target, error: undefined, durationMs: 100, tries: 1, nanoUsd: 0 };
const bad: EndedCall = { ...good, error: 'upstream_error' };

function scene(settings: Partial<AlertSettings>) {
  const clock = fakeClock();
  const told: Alert[] = [];
  const tell = (news: News) => news.type === 'alert' && told.push(news);
  const alerts = new CallAlerts({ ...defaultAlerts, ...settings }, { clock, tell });
  return {
    clock,
    told,
    alerts,
    add(call: EndedCall, times = 1) {
      for (let i = 0; i < times; i++) alerts.add(call);
    },
    subjects: () => told.map(({ subject }) => subject),
  };
}

describe('errors', () => {
  const errors = { errorRate: 0.5, minCalls: 4 };

  it('are told of the model and of all calls, once', () => {
    const { add, told } = scene(errors);
    add(bad, 3);
    expect(told).toEqual([]);
    add(bad, 20);
    expect(told).toEqual(
      [ALL_CALLS, 'p/m'].map((subject) => ({ type: 'alert', kind: 'error_rate', subject, value: 1, threshold: 0.5 })),
    );
  });

  it('are told at every crossing and at nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 80 }), fc.integer({ min: 1, max: 10 }), (fails, minCalls) => {
        const { add, told } = scene({ errorRate: 0.5, minCalls });
        let failures = 0;
        let isTold = false;
        let expected = 0;
        for (const [i, isBad] of fails.entries()) {
          add(isBad ? bad : good);
          if (isBad) failures++;
          const rate = failures / (i + 1);
          if (i + 1 >= minCalls && rate >= 0.5 && !isTold) {
            expected += 2;
            isTold = true;
          } else if (i + 1 >= minCalls && rate < 0.45) isTold = false;
          expect(told).toHaveLength(expected);
        }
        for (const { value, threshold } of told) expect(value).toBeGreaterThanOrEqual(threshold);
      }),
    );
  });

  it('are told again when nothing was called for a whole window', () => {
    const { add, told, clock } = scene(errors);
    add(bad, 10);
    clock.advance(defaultAlerts.windowMs);
    add(bad, 10);
    expect(told).toHaveLength(4);
  });

  it('of one model are not those of another', () => {
    const { add, subjects } = scene(errors);
    add(good, 100);
    add({ ...bad, target: { provider: 'p', model: 'other' } }, 10);
    expect(subjects()).toEqual(['p/other']);
  });

  it.each(errorKinds)('%s counts if the provider or the gateway is to blame for it', (error) => {
    const { add, told } = scene(errors);
    add({ ...bad, error, tries: 0 }, 10);
    const isOurs = ['provider', 'gateway'].includes(errorRule(error).fault);
    expect(told).toHaveLength(isOurs ? 2 : 0);
  });

  it('a call without a target counts for all calls alone', () => {
    const { add, subjects } = scene(errors);
    add({ ...bad, target: undefined }, 10);
    expect(subjects()).toEqual([ALL_CALLS]);
  });
});

describe('times', () => {
  it('are told where 5 of 100 calls take so long, and never of faster ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 100, max: 10_000 }),
        (durations, latencyP95Ms) => {
          const { add, told } = scene({ latencyP95Ms, minCalls: 5 });
          const highest = { exact: 0 };
          for (const [i, durationMs] of durations.entries()) {
            add({ ...good, durationMs });
            const sorted = durations.slice(0, i + 1).toSorted((a, b) => a - b);
            if (i >= 4) highest.exact = Math.max(highest.exact, sorted[Math.ceil(0.95 * (i + 1)) - 1] ?? 0);
          }
          // The percentile is an estimate, wrong by less than 10 percent.
          if (told.length > 0) expect(highest.exact).toBeGreaterThan(latencyP95Ms / 1.1);
          if (highest.exact > latencyP95Ms * 1.1) expect(told.length).toBeGreaterThan(0);
          for (const { kind, value } of told) {
            expect(kind).toBe('latency');
            expect(value).toBeGreaterThanOrEqual(latencyP95Ms);
          }
        },
      ),
    );
  });

  it('of a few successes among many failures say nothing', () => {
    const { add, told } = scene({ latencyP95Ms: 1_000, minCalls: 3 });
    add(bad, 10);
    add({ ...good, durationMs: 60_000 }, 2);
    expect(told).toEqual([]);
    add({ ...good, durationMs: 60_000 });
    expect(told).toHaveLength(2);
  });

  it('of what no provider was asked for, and of what failed, do not count', () => {
    const { add, told } = scene({ latencyP95Ms: 1_000, minCalls: 2 });
    add({ ...good, durationMs: 60_000, tries: 0 }, 100);
    add({ ...bad, durationMs: 60_000 }, 100);
    expect(told).toEqual([]);
  });
});

describe('costs', () => {
  const usd = 1e9;

  it('of the last hour are told when they reach the threshold, and never before', () => {
    const spending = fc.record({
      waitMs: fc.integer({ min: 0, max: 20 * 60_000 }),
      cost: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(spending, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (all, most) => {
        const { add, told, clock } = scene({ nanoUsdPerHour: most * usd });
        const spent: { readonly atMs: number; readonly cost: number }[] = [];
        const lately = (ms: number) =>
          spent.filter(({ atMs }) => atMs > clock.now() - ms).reduce((sum, { cost }) => sum + cost, 0);
        let isKnown = false;
        for (const { waitMs, cost } of all) {
          clock.advance(waitMs);
          if (lately(HOUR_MS) < 0.9 * most) isKnown = false;
          spent.push({ atMs: clock.now(), cost });
          const before = told.length;
          add({ ...good, nanoUsd: cost * usd });
          const now = told.length - before;
          if (now > 0) expect(lately(HOUR_MS)).toBeGreaterThanOrEqual(most);
          expect(now).toBeLessThanOrEqual(1);
          if (now > 0) isKnown = true;
          // The oldest minute is forgotten as a whole.
          if (cost > 0 && lately(HOUR_MS - 60_000) >= most && !isKnown) expect.unreachable('nobody was told');
        }
        for (const { kind, subject } of told) expect([kind, subject]).toEqual(['cost', ALL_CALLS]);
      }),
    );
  });

  it('are told in dollars', () => {
    const { add, told } = scene({ nanoUsdPerHour: 0.5 * usd });
    add({ ...good, nanoUsd: 0.75 * usd });
    expect(told).toMatchObject([{ value: 0.75, threshold: 0.5 }]);
  });

  it('of calls that failed, too', () => {
    const { add, told } = scene({ nanoUsdPerHour: usd });
    add({ ...bad, error: 'cancelled', nanoUsd: usd });
    expect(told).toHaveLength(1);
  });
});

describe('settings', () => {
  it('without thresholds nothing is looked at', () => {
    const { add, told, alerts } = scene({});
    add({ ...bad, nanoUsd: 1e15, durationMs: 1e9 }, 1_000);
    expect([told, alerts.size]).toEqual([[], 0]);
  });

  it('that are the same change nothing; others begin anew', () => {
    const settings = { ...defaultAlerts, errorRate: 0.5, minCalls: 2 };
    const { add, told, alerts } = scene(settings);
    add(bad, 5);
    alerts.configure({ ...settings });
    add(bad, 5);
    expect(told).toHaveLength(2);
    alerts.configure({ ...settings, minCalls: 3 });
    add(bad, 5);
    expect(told).toHaveLength(4);
  });
});

it('however many models there are, no more than 500 are looked at, with all calls as one of them', () => {
  const { add, alerts, subjects } = scene({ errorRate: 0.5, minCalls: 2 });
  for (let i = 0; i < 5_000; i++) add({ ...good, target: { provider: 'p', model: `${i}` } });
  expect(alerts.size).toBe(500);
  add(bad, 6_000);
  expect(subjects()).toContain(ALL_CALLS);
});
