import { toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HealthStatus, ProviderHealthSchema, TargetHealthSchema } from '#gen/antiphon/v1/health_pb.js';
import type { OutcomeSummary } from '../../src/resilience/outcomes.ts';
import {
  type ProviderReading,
  providerHealth,
  providerStatus,
  readTarget,
  type TargetReading,
} from '../../src/resilience/provider-health.ts';
import { defaultBreaker } from '../../src/resilience/settings.ts';
import { TargetState } from '../../src/resilience/target-state.ts';
import { fakeClock } from '../support/fake-clock.ts';

const { SERVING, DEGRADED, NOT_SERVING } = HealthStatus;

const nothing: OutcomeSummary = {
  calls: 0,
  failures: 0,
  errorRate: undefined,
  p50Ms: undefined,
  p95Ms: undefined,
  lastFailure: undefined,
};

const target = (values: Partial<TargetReading> = {}): TargetReading => ({
  model: 'luna',
  breaker: 'closed',
  availability: 'ready',
  retryInMs: 0,
  active: 0,
  outcomes: nothing,
  ewmaMs: undefined,
  ...values,
});

const open = target({ breaker: 'open', availability: 'open' });

const reading = (values: Partial<ProviderReading> = {}): ProviderReading => ({
  provider: 'openai',
  active: 0,
  queued: 0,
  keys: 1,
  keysAside: [],
  targets: [],
  outcomes: nothing,
  probe: undefined,
  ...values,
});

const failing = { works: false, last: undefined };
const aside = (kind: 'upstream_auth' | 'upstream_billing' | 'upstream_rate_limited') => ({
  name: 'OPENAI_API_KEY',
  kind,
  untilMs: 6_000,
});

describe('the status', () => {
  const table: [string, Partial<ProviderReading>, HealthStatus][] = [
    ['nothing is known', {}, SERVING],
    ['all is well', { targets: [target()], probe: { works: true, last: undefined } }, SERVING],
    ['the probes failed', { targets: [target()], probe: failing }, NOT_SERVING],
    ['every breaker is open', { targets: [open, open] }, NOT_SERVING],
    ['one of two breakers is open', { targets: [open, target()] }, DEGRADED],
    ['one is half open, the other open', { targets: [open, target({ breaker: 'half_open' })] }, DEGRADED],
    ['the only one is half open', { targets: [target({ breaker: 'half_open' })] }, DEGRADED],
    ['a model is cooling', { targets: [target({ availability: 'cooling' })] }, DEGRADED],
    ['a key has no credit', { keysAside: [aside('upstream_billing')] }, DEGRADED],
    ['a key has no right', { keysAside: [aside('upstream_auth')] }, DEGRADED],
    ['a key has reached its rate limit', { keysAside: [aside('upstream_rate_limited')] }, SERVING],
    ['all is wrong', { targets: [open], probe: failing, keysAside: [aside('upstream_auth')] }, NOT_SERVING],
  ];
  it.each(table)('if %s', (_, values, status) => {
    expect(providerStatus(reading(values))).toBe(status);
    expect(providerHealth(reading(values), 1_000).status).toBe(status);
  });

  it('is never better than that of its best model', () => {
    const targets = fc.array(
      fc.record({
        breaker: fc.constantFrom('closed' as const, 'open' as const, 'half_open' as const),
        availability: fc.constantFrom('ready' as const, 'cooling' as const),
      }),
      { minLength: 1, maxLength: 150 },
    );
    fc.assert(
      fc.property(targets, (all) => {
        const given = all.map((values, i) => target({ model: `m${i}`, ...values }));
        const health = providerHealth(reading({ targets: given }), 1_000);
        const statuses = health.targets.map(({ status }) => status);
        expect(health.status).toBeGreaterThanOrEqual(Math.min(...statuses));
        expect(health.status === SERVING).toBe(statuses.every((status) => status === SERVING));
        expect(health.targets.length).toBe(Math.min(all.length, 100));
        const names = health.targets.map(({ model }) => model);
        expect(names).toEqual(names.toSorted());
      }),
    );
  });
});

describe('the message', () => {
  it('leaves out what is not known', () => {
    expect(toJson(ProviderHealthSchema, providerHealth(reading({ targets: [target()] }), 1_000))).toEqual({
      provider: 'openai',
      status: 'HEALTH_STATUS_SERVING',
      keys: 1,
      targets: [{ model: 'luna', status: 'HEALTH_STATUS_SERVING', breaker: 'BREAKER_STATE_CLOSED' }],
    });
  });

  it('has everything that is', () => {
    const outcomes: OutcomeSummary = {
      calls: 8,
      failures: 2,
      errorRate: 0.25,
      p50Ms: 800,
      p95Ms: 4_000,
      lastFailure: { kind: 'upstream_timeout', atMs: 400 },
    };
    const slow = target({
      breaker: 'half_open',
      availability: 'cooling',
      retryInMs: 2_500,
      active: 3,
      outcomes,
      ewmaMs: 120,
    });
    const health = providerHealth(
      reading({
        active: 5,
        queued: 7,
        keys: 2,
        keysAside: [aside('upstream_auth')],
        targets: [slow],
        outcomes: { ...outcomes, p95Ms: 5_000 },
        probe: { works: true, last: { succeeded: false, reason: 'upstream_tls', ageMs: 10_000, durationMs: 30 } },
      }),
      1_000,
    );
    expect(toJson(ProviderHealthSchema, health)).toEqual({
      provider: 'openai',
      status: 'HEALTH_STATUS_DEGRADED',
      activeCalls: 5,
      keys: 2,
      keysSetAside: [{ name: 'OPENAI_API_KEY', reason: 'ERROR_REASON_UPSTREAM_AUTH', retryIn: '5s' }],
      queuedCalls: 7,
      targets: [
        {
          model: 'luna',
          status: 'HEALTH_STATUS_DEGRADED',
          breaker: 'BREAKER_STATE_HALF_OPEN',
          retryIn: '2.500s',
          activeCalls: 3,
          errorRate: 0.25,
          latencyP50: '0.800s',
          latencyP95: '4s',
          timeToFirstToken: '0.120s',
          lastErrorReason: 'ERROR_REASON_UPSTREAM_TIMEOUT',
        },
      ],
      errorRate: 0.25,
      latencyP50: '0.800s',
      latencyP95: '5s',
      lastErrorReason: 'ERROR_REASON_UPSTREAM_TIMEOUT',
      lastErrorAge: '0.600s',
      probe: { errorReason: 'ERROR_REASON_UPSTREAM_TLS', age: '10s', duration: '0.030s' },
    });
  });

  it('tells an error rate of 0 from none', () => {
    const outcomes = { ...nothing, calls: 3, errorRate: 0 };
    expect(providerHealth(reading({ outcomes }), 1_000).errorRate).toBe(0);
    expect(providerHealth(reading(), 1_000).errorRate).toBeUndefined();
  });

  it('of more than 100 models has the worst, by id', () => {
    const many = Array.from({ length: 150 }, (_, i) => target({ model: `m${String(i).padStart(3, '0')}` }));
    const targets = [...many, { ...open, model: 'z' }, target({ model: 'y', availability: 'cooling' })];
    const models = providerHealth(reading({ targets }), 1_000).targets.map(({ model }) => model);
    expect(models).toHaveLength(100);
    expect([models[0], models[97], ...models.slice(-2)]).toEqual(['m000', 'm097', 'y', 'z']);
  });
});

describe('what is read of a model', () => {
  it('is what its state says now', () => {
    const clock = fakeClock();
    const state = new TargetState({ provider: 'openai', model: 'luna' }, defaultBreaker, clock, () => undefined);
    expect(readTarget(state)).toEqual(target({ outcomes: { ...nothing } }));
    state.started();
    state.cool(2_000);
    state.outcomes.succeeded(100);
    state.outcomes.failed('upstream_error');
    state.latency.record(90);
    for (let n = 0; n < 5; n++) state.breaker.enter(false)?.failed('upstream_error');
    const health = providerHealth(reading({ targets: [readTarget(state)] }), clock.now());
    expect(toJson(TargetHealthSchema, health.targets[0] ?? expect.fail())).toMatchObject({
      status: 'HEALTH_STATUS_NOT_SERVING',
      breaker: 'BREAKER_STATE_OPEN',
      retryIn: '5s',
      activeCalls: 1,
      errorRate: 0.5,
      timeToFirstToken: '0.090s',
      lastErrorReason: 'ERROR_REASON_UPSTREAM_ERROR',
    });
  });
});
