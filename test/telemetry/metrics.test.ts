import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Attempt,
  AttemptSchema,
  type Cost,
  CostSchema,
  CostStatus,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { duration } from '../../src/core/duration.ts';
import { type ErrorKind, errorKinds, errorRule } from '../../src/core/errors.ts';
import type { Target } from '../../src/core/target.ts';
import type { KeysAside } from '../../src/telemetry/key-metrics.ts';
import { type CallMeasure, callMetrics } from '../../src/telemetry/metrics.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../../src/telemetry/otel.ts';
import { fakeClock } from '../support/fake-clock.ts';

const LUNA: Target = { provider: 'openai', model: 'gpt-6-luna' };
const NOVA: Target = { provider: 'local', model: 'nova' };

const open: Telemetry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((telemetry) => telemetry.shutdown()));
});

async function start(
  knownTargets: readonly Target[] = [LUNA, NOVA],
  keysAside: () => readonly KeysAside[] = () => [],
  options: Partial<TelemetryOptions> = {},
): Promise<Telemetry> {
  const telemetry = await startTelemetry({
    serviceName: 'antiphon',
    version: '1.2.3',
    otlpEndpoint: undefined,
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    knownTargets,
    keysAside,
    clock: fakeClock(),
    log: { info: () => undefined, warn: () => undefined },
    ...options,
  });
  open.push(telemetry);
  return telemetry;
}

/** What a scrape gives: each sample by its name and labels, as they are written. */
async function scrape({ metricsAddress }: Telemetry): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`http://${metricsAddress}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]));
}

const measure = (values: Partial<CallMeasure> = {}): CallMeasure => ({
  target: LUNA,
  error: undefined,
  durationMs: 500,
  firstTokenMs: undefined,
  overheadMs: 0.2,
  usage: undefined,
  attempts: [],
  ...values,
});

const usage = create(UsageSchema, {
  inputTokens: 100n,
  outputTokens: 50n,
  totalTokens: 150n,
  cachedInputTokens: 30n,
  cacheWriteTokens: 20n,
  reasoningTokens: 10n,
});

const OF = 'provider="openai",model="gpt-6-luna"';

describe('a scrape', () => {
  it('has exactly these metrics, before anything happened', async () => {
    const telemetry = await start();
    const text = await (await fetch(`http://${telemetry.metricsAddress}/metrics`)).text();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(types).toEqual([
      'target_info gauge',
      'llm_requests_total counter',
      'llm_request_duration_seconds histogram',
      'llm_time_to_first_token_seconds histogram',
      'llm_gateway_overhead_seconds histogram',
      'llm_tokens_total counter',
      'llm_cost_usd_total counter',
      'llm_prompt_cache_saved_usd_total counter',
      'llm_prompt_cache_surcharge_usd_total counter',
      'llm_unpriced_calls_total counter',
      'llm_errors_total counter',
      'llm_attempts_total counter',
      'llm_active_requests gauge',
      'llm_governance_violations_total counter',
      'llm_metrics_overflow_total counter',
      'llm_keys_set_aside gauge',
      'llm_retries_total counter',
      'llm_retry_budget_exhausted_total counter',
      'llm_fallbacks_total counter',
      'llm_restarts_total counter',
      'llm_hedges_total counter',
      'llm_escalations_total counter',
      'llm_fallback_answers_total counter',
      'llm_shadow_calls_total counter',
      'llm_shadow_cost_usd_total counter',
      'llm_shadow_duration_seconds histogram',
      'llm_shed_total counter',
      'llm_calls_ended_for_memory_total counter',
      'llm_queue_refusals_total counter',
      'llm_breaker_transitions_total counter',
      'llm_provider_up gauge',
      'llm_queued_calls gauge',
      'llm_breaker_open gauge',
      'llm_limit_refusals_total counter',
      'llm_limit_alerts_total counter',
      'llm_limits_unchecked_total counter',
      'llm_alerts_total counter',
      'llm_context_fitted_total counter',
      'llm_context_trimmed_messages_total counter',
      'llm_idempotency_requests_total counter',
      'llm_records_lost_total counter',
      'llm_cache_requests_total counter',
      'llm_cache_hits_total counter',
      'llm_cache_saved_usd_total counter',
      'llm_cache_entries gauge',
      'llm_cache_bytes gauge',
      'llm_cache_evictions_total counter',
      'llm_config_reloads_total counter',
      'llm_config_last_reload_success_timestamp_seconds gauge',
      'llm_auth_failures_total counter',
      'llm_store_degraded gauge',
      'llm_store_pending gauge',
      'llm_store_failures_total counter',
      'llm_store_changes_lost_total counter',
      'process_cpu_seconds_total counter',
      'process_resident_memory_bytes gauge',
      'process_start_time_seconds gauge',
      'nodejs_eventloop_utilization gauge',
      'llm_event_loop_delay_seconds gauge',
      'llm_memory_used_ratio gauge',
    ]);
    expect(text).toMatch(/^target_info\{.*service_name="antiphon".*\} 1$/m);
  });

  it('says what a call was', async () => {
    const telemetry = await start();
    telemetry.metrics.finished(measure({ durationMs: 500, firstTokenMs: 30, overheadMs: 0.2, usage }));
    const samples = await scrape(telemetry);
    expect(samples.get(`llm_requests_total{${OF},status="OK"}`)).toBe(1);
    expect(samples.get(`llm_request_duration_seconds_count{${OF},status="OK"}`)).toBe(1);
    expect(samples.get(`llm_request_duration_seconds_sum{${OF},status="OK"}`)).toBe(0.5);
    expect(samples.get(`llm_time_to_first_token_seconds_sum{${OF}}`)).toBe(0.03);
    expect(samples.get(`llm_gateway_overhead_seconds_sum{${OF}}`)).toBe(0.0002);
    const tokens = ['input', 'output', 'cached_input', 'cache_write', 'reasoning'].map((type) =>
      samples.get(`llm_tokens_total{${OF},token_type="${type}"}`),
    );
    expect(tokens).toEqual([100, 50, 30, 20, 10]);
    expect([...samples.keys()].filter((name) => name.startsWith('llm_errors'))).toEqual([]);
  });

  it('adds costs up exactly', async () => {
    const telemetry = await start();
    const cost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 100_000_001n });
    for (let calls = 0; calls < 10_000; calls++) telemetry.metrics.finished(measure({ cost }));
    expect((await scrape(telemetry)).get(`llm_cost_usd_total{${OF}}`)).toBe(1000.00001);
  });

  it('says how many keys are set aside, as they are when it is asked', async () => {
    let keys = 0;
    const telemetry = await start([LUNA], () => [{ provider: 'openai', reason: 'upstream_auth', keys }]);
    const sample = async () =>
      (await scrape(telemetry)).get('llm_keys_set_aside{provider="openai",error_type="upstream_auth"}');
    expect(await sample()).toBe(0);
    keys = 2;
    expect(await sample()).toBe(2);
  });

  it('says what calls cost, and how many have no price', async () => {
    const telemetry = await start();
    const cost = (status: CostStatus, totalNanoUsd = 0n) => create(CostSchema, { status, totalNanoUsd });
    telemetry.metrics.finished(measure({ cost: cost(CostStatus.PRICED, 1_250_000_000n) }));
    telemetry.metrics.finished(measure({ cost: cost(CostStatus.REPORTED, 250_000_000n), error: 'cancelled' }));
    telemetry.metrics.finished(measure({ cost: cost(CostStatus.UNPRICED) }));
    telemetry.metrics.finished(measure({ target: NOVA, cost: cost(CostStatus.UNPRICED) }));
    telemetry.metrics.finished(measure({ target: NOVA, error: 'upstream_error' }));
    const samples = await scrape(telemetry);
    expect(samples.get(`llm_cost_usd_total{${OF}}`)).toBe(1.5);
    expect(samples.get(`llm_unpriced_calls_total{${OF}}`)).toBe(1);
    expect(samples.get('llm_unpriced_calls_total{provider="local",model="nova"}')).toBe(1);
    expect(samples.has('llm_cost_usd_total{provider="local",model="nova"}')).toBe(false);
  });

  it('says why a call failed', async () => {
    const telemetry = await start();
    telemetry.metrics.finished(measure({ error: 'upstream_rate_limited' }));
    telemetry.metrics.finished(measure({ error: 'upstream_rate_limited' }));
    telemetry.metrics.finished(measure({ error: 'model_not_allowed' }));
    const samples = await scrape(telemetry);
    expect(samples.get(`llm_requests_total{${OF},status="RESOURCE_EXHAUSTED"}`)).toBe(2);
    expect(samples.get(`llm_request_duration_seconds_count{${OF},status="PERMISSION_DENIED"}`)).toBe(1);
    expect(samples.get(`llm_errors_total{${OF},error_type="upstream_rate_limited"}`)).toBe(2);
    expect(samples.get(`llm_governance_violations_total{${OF},reason="model_not_allowed"}`)).toBe(1);
    expect(samples.has(`llm_time_to_first_token_seconds_count{${OF}}`)).toBe(false);
  });

  it('says how many calls are with a provider, from the start', async () => {
    const telemetry = await start();
    expect((await scrape(telemetry)).get('llm_active_requests{provider="openai"}')).toBe(0);
    telemetry.metrics.started('openai');
    telemetry.metrics.started('openai');
    telemetry.metrics.started('made-up');
    telemetry.metrics.ended('openai');
    const samples = await scrape(telemetry);
    expect(samples.get('llm_active_requests{provider="openai"}')).toBe(1);
    expect(samples.get('llm_active_requests{provider="local"}')).toBe(0);
    expect(samples.get('llm_active_requests{provider="other"}')).toBe(1);
  });

  it('says what the process uses', async () => {
    const samples = await scrape(await start());
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(samples.get('process_start_time_seconds')).toBe(1_700_000_001);
    expect(samples.get('nodejs_eventloop_utilization')).toBeLessThanOrEqual(1);
  });
});

const tried = (target: Target, error?: ErrorKind, spent: Pick<Partial<Attempt>, 'usage' | 'cost'> = {}): Attempt =>
  create(AttemptSchema, {
    ...target,
    ...(error && { errorReason: errorRule(error).reason }),
    duration: duration(5),
    ...spent,
  });

const priced = (totalNanoUsd: bigint): Cost => create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd });

describe('tries', () => {
  it('are counted where they were made, by how they ended', async () => {
    const telemetry = await start();
    const overtaken = create(AttemptSchema, LUNA);
    const attempts = [tried(LUNA, 'upstream_timeout'), tried(LUNA, 'upstream_timeout'), overtaken, tried(NOVA)];
    telemetry.metrics.finished(measure({ target: NOVA, attempts }));
    const samples = await scrape(telemetry);
    const found = [...samples].filter(([name]) => name.startsWith('llm_attempts_total'));
    expect(found).toEqual([
      [`llm_attempts_total{${OF},error_type="upstream_timeout"}`, 2],
      [`llm_attempts_total{${OF},error_type="cancelled"}`, 1],
      ['llm_attempts_total{provider="local",model="nova",error_type="none"}', 1],
    ]);
    expect(samples.get('llm_requests_total{provider="local",model="nova",status="OK"}')).toBe(1);
  });

  it('are paid for where they were made, and not once more with the call', async () => {
    const telemetry = await start();
    const partial = { usage: create(UsageSchema, { inputTokens: 7n, outputTokens: 2n }), cost: priced(1_000_000_000n) };
    const answer = { usage, cost: priced(3_000_000_000n) };
    const attempts = [tried(LUNA, 'upstream_reset', partial), tried(NOVA, undefined, answer)];
    telemetry.metrics.finished(measure({ target: NOVA, usage, cost: priced(4_000_000_000n), attempts }));
    const samples = await scrape(telemetry);
    expect(samples.get(`llm_cost_usd_total{${OF}}`)).toBe(1);
    expect(samples.get('llm_cost_usd_total{provider="local",model="nova"}')).toBe(3);
    expect(samples.get(`llm_tokens_total{${OF},token_type="input"}`)).toBe(7);
    expect(samples.get('llm_tokens_total{provider="local",model="nova",token_type="input"}')).toBe(100);
  });

  it('that do not say what they used leave it to the call', async () => {
    const telemetry = await start();
    telemetry.metrics.finished(measure({ usage, cost: priced(1_000_000_000n), attempts: [tried(LUNA)] }));
    const samples = await scrape(telemetry);
    expect(samples.get(`llm_cost_usd_total{${OF}}`)).toBe(1);
    expect(samples.get(`llm_tokens_total{${OF},token_type="input"}`)).toBe(100);
  });
});

describe('buckets', () => {
  const buckets = async (name: string, values: Partial<CallMeasure>, labels: string) => {
    const telemetry = await start();
    telemetry.metrics.finished(measure(values));
    const samples = await scrape(telemetry);
    const prefix = `${name}_bucket{${labels},le="`;
    const found = [...samples].filter(([key]) => key.startsWith(prefix));
    return found.map(([key, count]) => [key.slice(prefix.length, -2), count] as const);
  };
  const durations = '0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 +Inf'.split(' ');
  const overheads = '0.00005 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 +Inf'.split(' ');

  const table: [string, Partial<CallMeasure>, string, readonly string[], string][] = [
    ['llm_request_duration_seconds', { durationMs: 80 }, `${OF},status="OK"`, durations, '0.08'],
    ['llm_request_duration_seconds', { durationMs: 80.1 }, `${OF},status="OK"`, durations, '0.16'],
    ['llm_request_duration_seconds', { durationMs: 1e6 }, `${OF},status="OK"`, durations, '+Inf'],
    ['llm_time_to_first_token_seconds', { firstTokenMs: 0 }, OF, durations, '0.01'],
    ['llm_gateway_overhead_seconds', { overheadMs: 0.06 }, OF, overheads, '0.0001'],
    ['llm_gateway_overhead_seconds', { overheadMs: -1 }, OF, overheads, '0.00005'],
  ];
  it.each(table)('%s of %j', async (name, values, labels, bounds, first) => {
    const found = await buckets(name, values, labels);
    expect(found.map(([bound]) => bound)).toEqual(bounds);
    expect(found.find(([, count]) => count === 1)?.[0]).toBe(first);
  });

  it('never add less than nothing', async () => {
    const telemetry = await start();
    telemetry.metrics.finished(measure({ overheadMs: -1 }));
    expect((await scrape(telemetry)).get(`llm_gateway_overhead_seconds_sum{${OF}}`)).toBe(0);
  });
});

describe('labels are closed', () => {
  const table: [string, Target | undefined, string][] = [
    ['a known model', LUNA, OF],
    ['a model that is not known', { provider: 'openai', model: 'made-up' }, 'provider="openai",model="other"'],
    ["another provider's model", { provider: 'local', model: 'gpt-6-luna' }, 'provider="local",model="other"'],
    ['a provider that is not known', { provider: 'made-up', model: 'gpt-6-luna' }, 'provider="other",model="other"'],
    ['a name that every object has', { provider: 'constructor', model: '__proto__' }, 'provider="other",model="other"'],
    ['no target', undefined, 'provider="none",model="none"'],
  ];
  it.each(table)('%s', async (_, target, labels) => {
    const telemetry = await start();
    telemetry.metrics.finished(measure({ target }));
    const names = [...(await scrape(telemetry)).keys()].filter((name) => name.startsWith('llm_requests_total'));
    expect(names).toEqual([`llm_requests_total{${labels},status="OK"}`]);
  });

  it('however many names callers make up', async () => {
    const telemetry = await start();
    for (let i = 0; i < 2000; i++) {
      telemetry.metrics.finished(measure({ target: { provider: 'openai', model: `m${i}` } }));
      telemetry.metrics.finished(measure({ target: { provider: `p${i}`, model: 'm' } }));
    }
    const samples = await scrape(telemetry);
    const requests = [...samples].filter(([name]) => name.startsWith('llm_requests_total'));
    expect(requests.map(([, count]) => count)).toEqual([2000, 2000]);
  });

  it('a provider without a model of its own has a label', async () => {
    const telemetry = await start([LUNA], undefined, { knownProviders: ['bare'] });
    telemetry.metrics.started('bare');
    telemetry.tell({ type: 'budget_spent', provider: 'bare' });
    const samples = await scrape(telemetry);
    expect(samples.get('llm_active_requests{provider="bare"}')).toBe(1);
    expect(samples.get('llm_retry_budget_exhausted_total{provider="bare"}')).toBe(1);
    telemetry.metrics.finished(measure({ target: { provider: 'bare', model: 'x' } }));
    expect((await scrape(telemetry)).get('llm_requests_total{provider="bare",model="other",status="OK"}')).toBe(1);
  });

  it('what comes later has labels from then on, and keeps those it had', async () => {
    const telemetry = await start([LUNA]);
    const call = () => telemetry.metrics.finished(measure({ target: NOVA }));
    call();
    telemetry.tell({ type: 'budget_spent', provider: 'local' });
    telemetry.know({ known: [NOVA], knownProviders: ['bare', 'openai'] });
    call();
    telemetry.tell({ type: 'budget_spent', provider: 'local' });
    telemetry.know({ known: [NOVA, LUNA], knownProviders: ['bare'] });
    call();
    const samples = await scrape(telemetry);
    expect(samples.get('llm_requests_total{provider="other",model="other",status="OK"}')).toBe(1);
    expect(samples.get('llm_requests_total{provider="local",model="nova",status="OK"}')).toBe(2);
    expect(samples.get('llm_retry_budget_exhausted_total{provider="other"}')).toBe(1);
    expect(samples.get('llm_retry_budget_exhausted_total{provider="local"}')).toBe(1);
    for (const name of ['openai', 'local', 'bare']) {
      expect(samples.get(`llm_active_requests{provider="${name}"}`)).toBe(0);
      expect(samples.get(`llm_queue_refusals_total{provider="${name}",cause="full"}`)).toBe(0);
      expect(samples.get(`llm_breaker_transitions_total{provider="${name}",state="open"}`)).toBe(0);
    }
  });

  it('a provider that is known already keeps what was known of its models', async () => {
    const telemetry = await start([LUNA]);
    telemetry.know({ known: [{ ...LUNA, model: 'next' }], knownProviders: ['openai'] });
    telemetry.metrics.finished(measure());
    expect((await scrape(telemetry)).get(`llm_requests_total{${OF},status="OK"}`)).toBe(1);
  });

  it('and at most a thousand providers have some', async () => {
    const telemetry = await start([]);
    const names = Array.from({ length: 1_010 }, (_, i) => `p${i}`);
    for (const name of names) telemetry.know({ known: [{ provider: name, model: 'm' }] });
    for (const provider of names) telemetry.metrics.finished(measure({ target: { provider, model: 'm' } }));
    const samples = await scrape(telemetry);
    const active = [...samples.keys()].filter((name) => name.startsWith('llm_active_requests'));
    expect(active).toHaveLength(1_000);
    expect(samples.get('llm_requests_total{provider="other",model="other",status="OK"}')).toBe(10);
  });

  it('each series is there once, whatever happens', async () => {
    const telemetry = await start();
    for (let round = 0; round < 2; round++) {
      for (const error of [undefined, ...errorKinds])
        telemetry.metrics.finished(measure({ error, usage, firstTokenMs: 1 }));
    }
    const text = await (await fetch(`http://${telemetry.metricsAddress}/metrics`)).text();
    const names = text
      .split('\n')
      .filter((line) => line.startsWith('llm_'))
      .map((line) => line.replace(/ \S+$/, ''));
    expect(new Set(names).size).toBe(names.length);
    const errors = names.filter((name) => name.startsWith('llm_errors_total'));
    expect(errors).toHaveLength(errorKinds.length - 1);
    expect(errors.join()).not.toContain('"cancelled"');
  });

  it('and known models beyond the cap are other, and counted', async () => {
    const known = ['a', 'b', 'c'].map((model) => ({ provider: 'p', model }));
    const { metrics, producer } = callMetrics({ known, clock: fakeClock(), maxModels: 2 });
    for (const target of [...known, ...known]) metrics.finished(measure({ target, attempts: [tried(target)] }));
    const { resourceMetrics } = await producer.collect();
    const points = (name: string) =>
      resourceMetrics.scopeMetrics[0]?.metrics
        .find(({ descriptor }) => descriptor.name === name)
        ?.dataPoints.map(({ attributes, value }) => [attributes.model, value]);
    expect(points('llm_requests_total')).toEqual([
      ['a', 2],
      ['b', 2],
      ['other', 2],
    ]);
    expect(points('llm_metrics_overflow_total')).toEqual([[undefined, 2]]);
  });
});
