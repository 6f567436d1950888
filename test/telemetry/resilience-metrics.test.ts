import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { AttemptSchema, CostSchema, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { errorKinds } from '../../src/core/errors.ts';
import type { News, ShadowComparison } from '../../src/core/news.ts';
import { startTelemetry, type Telemetry, type TelemetryOptions } from '../../src/telemetry/otel.ts';
import type { ProviderGauges } from '../../src/telemetry/resilience-metrics.ts';
import { expositionProblems } from '../support/exposition.ts';
import { fakeClock } from '../support/fake-clock.ts';

const LUNA = { provider: 'openai', model: 'gpt-6-luna' };
const NOVA = { provider: 'local', model: 'nova' };
const MADE_UP = { provider: 'made-up', model: 'x' };

const open: Telemetry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((telemetry) => telemetry.shutdown()));
});

async function start(options: Partial<TelemetryOptions> = {}): Promise<Telemetry> {
  const telemetry = await startTelemetry({
    serviceName: 'antiphon',
    version: '1.2.3',
    otlpEndpoint: undefined,
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    knownTargets: [LUNA, NOVA],
    clock: fakeClock(),
    log: { info: () => undefined, warn: () => undefined },
    ...options,
  });
  open.push(telemetry);
  return telemetry;
}

const page = async ({ metricsAddress }: Telemetry) => (await fetch(`http://${metricsAddress}/metrics`)).text();

/** The samples that are not 0, of these metrics. */
async function samples(telemetry: Telemetry, prefix: string): Promise<readonly string[]> {
  const lines = (await page(telemetry)).split('\n').filter((line) => line.startsWith(prefix) && !line.endsWith(' 0'));
  return lines.filter((line) => !line.includes('_bucket'));
}

const comparison = (values: Partial<ShadowComparison> = {}): ShadowComparison => ({
  target: LUNA,
  shadow: NOVA,
  error: undefined,
  durationMs: 500,
  shadowDurationMs: 1_500,
  costNanoUsd: 5_000_000,
  shadowCostNanoUsd: 250_000_000,
  length: 10,
  shadowLength: 12,
  fitsSchema: undefined,
  shadowFitsSchema: undefined,
  ...values,
});

const reason = 'upstream_timeout';

describe('news are counted', () => {
  const table: [string, News, readonly string[]][] = [
    [
      'a repeat',
      { type: 'retried', target: LUNA, reason, waitMs: 5 },
      ['llm_retries_total{provider="openai",error_type="upstream_timeout"} 1'],
    ],
    [
      'a budget that is spent',
      { type: 'budget_spent', provider: 'openai' },
      ['llm_retry_budget_exhausted_total{provider="openai"} 1'],
    ],
    [
      'a move',
      { type: 'moved', from: LUNA, to: NOVA, reason },
      ['llm_fallbacks_total{provider="openai",to_provider="local",error_type="upstream_timeout"} 1'],
    ],
    [
      'a restart',
      { type: 'restarted', from: LUNA, to: NOVA, reason },
      ['llm_restarts_total{provider="openai",to_provider="local",error_type="upstream_timeout"} 1'],
    ],
    [
      'a hedge that won',
      { type: 'hedged', target: NOVA, won: true },
      ['llm_hedges_total{provider="local",result="won"} 1'],
    ],
    [
      'a hedge that lost',
      { type: 'hedged', target: NOVA, won: false },
      ['llm_hedges_total{provider="local",result="lost"} 1'],
    ],
    [
      'an escalation',
      { type: 'escalated', from: LUNA, to: NOVA, cause: 'schema' },
      ['llm_escalations_total{provider="openai",cause="schema"} 1'],
    ],
    [
      'a shadow',
      { type: 'shadowed', comparison: comparison() },
      [
        'llm_shadow_calls_total{provider="local",result="ok"} 1',
        'llm_shadow_cost_usd_total{provider="local"} 0.25',
        'llm_shadow_duration_seconds_count{provider="local",answer="primary"} 1',
        'llm_shadow_duration_seconds_sum{provider="local",answer="primary"} 0.5',
        'llm_shadow_duration_seconds_count{provider="local",answer="shadow"} 1',
        'llm_shadow_duration_seconds_sum{provider="local",answer="shadow"} 1.5',
      ],
    ],
    [
      'a shadow that failed, and has no price',
      { type: 'shadowed', comparison: comparison({ error: reason, shadowCostNanoUsd: undefined }) },
      ['llm_shadow_calls_total{provider="local",result="error"} 1'],
    ],
    [
      'a shadow that was not sent',
      { type: 'shadow_skipped', target: NOVA },
      ['llm_shadow_calls_total{provider="local",result="skipped"} 1'],
    ],
    [
      'a call that was shed',
      { type: 'shed', priority: 'low', cause: 'delay' },
      ['llm_shed_total{priority="low",cause="delay"} 1'],
    ],
    ['a call that was ended', { type: 'ended_for_memory' }, ['llm_calls_ended_for_memory_total 1']],
    [
      'a call without a turn',
      { type: 'queue_refused', provider: 'openai', cause: 'too_late' },
      ['llm_queue_refusals_total{provider="openai",cause="too_late"} 1'],
    ],
    [
      'a breaker',
      { type: 'breaker', target: LUNA, state: 'open', reason },
      ['llm_breaker_transitions_total{provider="openai",state="open"} 1'],
    ],
    ['a fallback answer', { type: 'fallback_answered', answer: 'sorry' }, ['llm_fallback_answers_total 1']],
    ['a probe, by its gauge only', { type: 'probe', provider: 'openai', works: false, reason }, []],
  ];
  it.each(table)('%s', async (_, news, expected) => {
    const telemetry = await start();
    const before = await samples(telemetry, 'llm_');
    telemetry.tell(news);
    expect((await samples(telemetry, 'llm_')).filter((line) => !before.includes(line))).toEqual(expected);
  });

  it('again and again', async () => {
    const telemetry = await start();
    for (let n = 0; n < 3; n++) telemetry.tell({ type: 'breaker', target: LUNA, state: 'open', reason });
    telemetry.tell({ type: 'breaker', target: NOVA, state: 'open', reason });
    expect(await samples(telemetry, 'llm_breaker_transitions')).toEqual([
      'llm_breaker_transitions_total{provider="openai",state="open"} 3',
      'llm_breaker_transitions_total{provider="local",state="open"} 1',
    ]);
  });
});

describe('what is to be alerted on', () => {
  it.each([
    'llm_retry_budget_exhausted_total{provider="openai"} 0',
    'llm_breaker_transitions_total{provider="local",state="open"} 0',
    'llm_queue_refusals_total{provider="openai",cause="full"} 0',
    'llm_shed_total{priority="high",cause="memory"} 0',
    'llm_calls_ended_for_memory_total 0',
    'llm_fallback_answers_total 0',
    'llm_config_reloads_total{result="rejected"} 0',
  ])('is there before it happens: %s', async (line) => {
    expect((await page(await start())).split('\n')).toContain(line);
  });
});

describe('gauges of providers', () => {
  it('are as they are when they are asked for', async () => {
    let state: ProviderGauges = { provider: 'openai', up: true, queued: 0, openBreakers: 0 };
    const telemetry = await start({ providers: () => [state] });
    const read = async () => {
      const lines = (await page(telemetry)).split('\n');
      return lines.filter((line) => /^llm_(?:provider_up|queued_calls|breaker_open)\{/.test(line));
    };
    expect(await read()).toEqual([
      'llm_provider_up{provider="openai"} 1',
      'llm_queued_calls{provider="openai"} 0',
      'llm_breaker_open{provider="openai"} 0',
    ]);
    state = { ...state, up: false, queued: 7, openBreakers: 2 };
    expect(await read()).toEqual([
      'llm_provider_up{provider="openai"} 0',
      'llm_queued_calls{provider="openai"} 7',
      'llm_breaker_open{provider="openai"} 2',
    ]);
  });
});

describe('the configuration', () => {
  it('counts how often it was read again, and keeps when it was last taken on', async () => {
    const clock = fakeClock();
    const telemetry = await start({ clock });
    const takenOn = 'llm_config_last_reload_success_timestamp_seconds';
    expect(await samples(telemetry, takenOn)).toEqual([`${takenOn} 1700000001`]);
    clock.advance(60_000);
    telemetry.configReloaded('rejected');
    expect(await samples(telemetry, takenOn)).toEqual([`${takenOn} 1700000001`]);
    telemetry.configReloaded('ok');
    expect(await samples(telemetry, 'llm_config')).toEqual([
      'llm_config_reloads_total{result="ok"} 1',
      'llm_config_reloads_total{result="rejected"} 1',
      `${takenOn} 1700000061`,
    ]);
  });
});

const targets = fc.constantFrom(LUNA, NOVA, MADE_UP, { provider: '__proto__', model: 'constructor' });
const kinds = fc.constantFrom(...errorKinds);
const someText = fc.string({ maxLength: 5 });

/** Any news, of any target. */
const anyNews: fc.Arbitrary<News> = fc.oneof(
  fc.record({ type: fc.constant('retried' as const), target: targets, reason: kinds, waitMs: fc.nat() }),
  fc.record({ type: fc.constant('budget_spent' as const), provider: someText }),
  fc.record({ type: fc.constant('moved' as const), from: targets, to: targets, reason: kinds }),
  fc.record({ type: fc.constant('restarted' as const), from: targets, to: targets, reason: kinds }),
  fc.record({ type: fc.constant('hedged' as const), target: targets, won: fc.boolean() }),
  fc.record({
    type: fc.constant('escalated' as const),
    from: targets,
    to: targets,
    cause: fc.constantFrom('truncated' as const, 'refused' as const, 'empty' as const, 'schema' as const),
  }),
  fc.record({
    type: fc.constant('shadowed' as const),
    comparison: fc
      .record({ target: targets, shadow: targets, error: fc.option(kinds, { nil: undefined }) })
      .map(comparison),
  }),
  fc.record({ type: fc.constant('shadow_skipped' as const), target: targets }),
  fc.record({
    type: fc.constant('queue_refused' as const),
    provider: someText,
    cause: fc.constantFrom('full' as const, 'too_late' as const, 'too_long' as const),
  }),
  fc.record({
    type: fc.constant('breaker' as const),
    target: targets,
    state: fc.constantFrom('closed' as const, 'open' as const, 'half_open' as const),
    reason: kinds,
  }),
  fc.record({ type: fc.constant('fallback_answered' as const), answer: someText }),
);

describe('the page, whatever happens', () => {
  it('keeps the rules of Prometheus, and names nothing that is not known', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyNews, { maxLength: 60 }), async (all) => {
        const telemetry = await start({
          providers: () => [{ provider: 'openai', up: true, queued: 0, openBreakers: 0 }],
        });
        for (const news of all) telemetry.tell(news);
        const text = await page(telemetry);
        expect(expositionProblems(text)).toEqual([]);
        const named = [...text.matchAll(/provider="([^"]*)"/g)].map(([, name]) => name);
        expect(named.filter((name) => !['openai', 'local', 'other'].includes(name ?? ''))).toEqual([]);
        await telemetry.shutdown();
      }),
      { numRuns: 30 },
    );
  });

  it('also with calls of every kind', async () => {
    const telemetry = await start({ keysAside: () => [{ provider: 'openai', reason: 'upstream_auth', keys: 1 }] });
    const usage = create(UsageSchema, { inputTokens: 1n, outputTokens: 2n, reasoningTokens: 1n });
    const cost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 5n });
    const times = { durationMs: 500, firstTokenMs: 40, overheadMs: 0.2 };
    for (const error of [undefined, ...errorKinds])
      for (const target of [undefined, LUNA, MADE_UP])
        telemetry.metrics.finished({ target, error, ...times, usage, cost, attempts: [create(AttemptSchema, LUNA)] });
    expect(expositionProblems(await page(telemetry))).toEqual([]);
  });

  it.each([
    ['# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 1\n', 'a_total: has a series twice'],
    ['# HELP a A.\n# TYPE a counter\na 1\n', 'a: is a counter'],
    ['# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n', 'a_total: is a gauge'],
    ['# TYPE a gauge\na 1\n', 'a: has no help'],
    ['# HELP a A.\n# TYPE a gauge\nb 1\n', 'not in its place: b 1'],
    ['# HELP a A.\n# TYPE a gauge\na{b=c} 1\n', 'a: has labels that cannot be read'],
    ['# HELP a A.\n# TYPE a gauge\na x\n', 'a: has a value that is no number'],
    ['# HELP a_total A.\n# TYPE a_total counter\na_total -1\n', 'a_total: counts backwards'],
    ['# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n', 'a_ms: has its type, or no base unit, in its name'],
    ['# HELP a A.\n# TYPE a gauge\na 1', 'the last line does not end'],
    [
      '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
      'a{}: its buckets do not add up',
    ],
  ])('and the check finds what is wrong: %j', (text, problem) => {
    expect(expositionProblems(text)).toEqual([problem]);
  });
});
