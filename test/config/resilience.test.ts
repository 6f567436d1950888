import { describe, expect, it } from 'vitest';
import {
  defaultBreaker,
  defaultConcurrency,
  defaultProbes,
  defaultRetry,
  defaultShedding,
} from '../../src/resilience/settings.ts';
import { load, said } from './loading.ts';

describe('what the file says of failing and overload', () => {
  it('may be everything', () => {
    const file = `
retry: { max_retries: 5, before_fallback: 2, base_ms: 10, max_ms: 20, max_retry_after_ms: 30, budget_percent: 40, budget_floor: 50 }
breaker: { enabled: false, consecutive_failures: 2, failure_rate: 0.25, min_calls: 3, window_ms: 1000, open_ms: 4, max_open_ms: 5, probes: 6 }
concurrency: { max: 1, max_queued: 0, max_wait_ms: 3 }
shedding: { enabled: false, delay_ms: { low: 1, normal: 2, high: 3 }, memory: { low: 0.1, normal: 0.2, high: 0.3, critical: 0.4 } }
probes: { every_ms: 5000, by: completion, timeout_ms: 7, failures: 8 }
`;
    expect(load({}, file)).toMatchObject({
      retry: {
        maxRetries: 5,
        beforeFallback: 2,
        baseMs: 10,
        maxMs: 20,
        maxRetryAfterMs: 30,
        budgetPercent: 40,
        budgetFloor: 50,
      },
      breaker: {
        enabled: false,
        consecutiveFailures: 2,
        failureRate: 0.25,
        minCalls: 3,
        windowMs: 1000,
        openMs: 4,
        maxOpenMs: 5,
        probes: 6,
      },
      concurrency: { max: 1, maxQueued: 0, maxWaitMs: 3 },
      shedding: {
        enabled: false,
        delayMs: { low: 1, normal: 2, high: 3 },
        memory: { low: 0.1, normal: 0.2, high: 0.3 },
        memoryCritical: 0.4,
      },
      probes: { everyMs: 5000, by: 'completion', timeoutMs: 7, failures: 8 },
    });
  });

  it.each([
    ['retry: { max_ms: 6000 }', { retry: { ...defaultRetry, maxMs: 6000 } }],
    ['retry: { max_retries: 0 }', { retry: { ...defaultRetry, maxRetries: 0, beforeFallback: 0 } }],
    ['retry: { base_ms: 5000 }', { retry: { ...defaultRetry, baseMs: 5000 } }],
    ['breaker: { probes: 1 }', { breaker: { ...defaultBreaker, probes: 1 } }],
    ['concurrency: { max: 2 }', { concurrency: { ...defaultConcurrency, max: 2 } }],
    ['shedding: { memory: { critical: 1 } }', { shedding: { ...defaultShedding, memoryCritical: 1 } }],
    [
      'shedding: { delay_ms: { high: 2000 } }',
      { shedding: { ...defaultShedding, delayMs: { ...defaultShedding.delayMs, high: 2000 } } },
    ],
    ['probes: { enabled: false }', { probes: { ...defaultProbes, everyMs: undefined } }],
    ['probes: { enabled: false, every_ms: 5000 }', { probes: { ...defaultProbes, everyMs: undefined } }],
    ['timeouts: { idle_ms: 5 }', { timeouts: { idleMs: 5, streamTotalMs: 600_000 } }],
    ['timeouts: { stream_total_ms: 5 }', { timeouts: { idleMs: 60_000, streamTotalMs: 5 } }],
  ])('%s changes that and nothing else', (file, expected) => {
    expect(load({}, file)).toMatchObject(expected);
  });

  it('bounds a provider by itself', () => {
    const file =
      'providers: { a: { base_url: "https://a.example", max_concurrency: 7 }, b: { base_url: "https://b.example" } }';
    const { providers } = load({ ALLOWED_MODELS: '*' }, file);
    expect(providers.map(({ maxConcurrency }) => maxConcurrency)).toEqual([7, undefined]);
  });

  it.each([
    ['retry: { max_retries: 11 }', 'retry.max_retries is too large'],
    ['retry: { base_ms: 5001 }', 'retry.base_ms is more than max_ms'],
    ['retry: { budget_percent: 101 }', 'retry.budget_percent is too large'],
    ['breaker: { open_ms: 60001 }', 'breaker.open_ms is more than max_open_ms'],
    ['breaker: { failure_rate: 0 }', 'breaker.failure_rate is too small'],
    ['breaker: { probes: 0 }', 'breaker.probes is too small'],
    ['concurrency: { max: 0 }', 'concurrency.max is too small'],
    [
      'providers: { a: { base_url: "https://a.example", max_concurrency: 0 } }',
      'providers.a.max_concurrency is too small',
    ],
    ['shedding: { delay_ms: { low: 501 } }', 'shedding.delay_ms.low is more than normal'],
    ['shedding: { delay_ms: { normal: 1001 } }', 'shedding.delay_ms.normal is more than high'],
    ['shedding: { memory: { low: 0.91 } }', 'shedding.memory.low is more than normal'],
    ['shedding: { memory: { high: 0.99 } }', 'shedding.memory.high is more than critical'],
    ['shedding: { memory: { critical: 1.1 } }', 'shedding.memory.critical is too large'],
    ['probes: { every_ms: 10 }', 'probes.every_ms is too small'],
    ['probes: { by: ping }', 'probes.by is not one of the possible values'],
    ['timeouts: { first_token_ms: 600001 }', 'timeouts.first_token_ms is more than stream_total_ms'],
    ['timeouts: { idle_ms: 6, stream_total_ms: 5 }', 'timeouts.idle_ms is more than stream_total_ms'],
  ])('%s: %s', (file, expected) => {
    expect(said({}, file)).toEqual([expected]);
  });

  it('is judged part by part: what one part lacks hides nothing of another', () => {
    const file = 'retry: { base_ms: 9000, max_ms: x }\nbreaker: { open_ms: 70000 }\nserver: { http_port: 50051 }\n';
    expect(said({}, file).toSorted()).toEqual([
      'breaker.open_ms is more than max_open_ms',
      'retry.max_ms is not a number',
      'server.http_port is the port of another door',
    ]);
  });
});
