import { describe, expect, it } from 'vitest';
import type { News, ShadowComparison } from '../../src/core/news.ts';
import type { LogFields } from '../../src/telemetry/log.ts';
import { fanOut, newsLog } from '../../src/telemetry/news-log.ts';
import { fakeClock } from '../support/fake-clock.ts';

const LUNA = { provider: 'openai', model: 'gpt-6-luna' };
const NOVA = { provider: 'local', model: 'nova' };
const reason = 'upstream_timeout';

function logging() {
  const lines: [string, LogFields, string][] = [];
  const write = (level: string) => (fields: LogFields, msg: string) => void lines.push([level, fields, msg]);
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const clock = fakeClock();
  return { lines, clock, tell: newsLog(log, clock) };
}

const comparison: ShadowComparison = {
  target: LUNA,
  shadow: NOVA,
  error: undefined,
  durationMs: 500.4,
  shadowDurationMs: 1_500.6,
  costNanoUsd: 5,
  shadowCostNanoUsd: undefined,
  length: 10,
  shadowLength: 12,
  fitsSchema: true,
  shadowFitsSchema: false,
};

const shadowLine = {
  provider: 'openai',
  model: 'gpt-6-luna',
  shadow_provider: 'local',
  shadow_model: 'nova',
  shadow_error_reason: undefined,
  duration_ms: 500,
  shadow_duration_ms: 1_501,
  cost_nano_usd: 5,
  shadow_cost_nano_usd: undefined,
  length: 10,
  shadow_length: 12,
  fits_schema: true,
  shadow_fits_schema: false,
};

describe('a line', () => {
  const breaker = (state: 'closed' | 'open' | 'half_open'): News => ({ type: 'breaker', target: LUNA, state, reason });
  const table: [string, News, [string, LogFields, string]][] = [
    [
      'a breaker that opens',
      breaker('open'),
      ['warn', { ...LUNA, error_reason: 'UPSTREAM_TIMEOUT' }, 'breaker opened'],
    ],
    ['one that closes', breaker('closed'), ['info', LUNA, 'breaker closed']],
    ['one that lets a few through', breaker('half_open'), ['debug', LUNA, 'breaker half open']],
    [
      'a provider that does not work',
      { type: 'probe', provider: 'openai', works: false, reason },
      ['warn', { provider: 'openai', error_reason: 'UPSTREAM_TIMEOUT' }, 'provider does not work'],
    ],
    [
      'one that works again',
      { type: 'probe', provider: 'openai', works: true, reason: undefined },
      ['info', { provider: 'openai' }, 'provider works again'],
    ],
    ['a shadow', { type: 'shadowed', comparison }, ['info', shadowLine, 'shadow']],
    [
      'a shadow that failed',
      { type: 'shadowed', comparison: { ...comparison, error: reason } },
      ['info', { ...shadowLine, shadow_error_reason: 'UPSTREAM_TIMEOUT' }, 'shadow'],
    ],
    [
      'a call that was shed',
      { type: 'shed', priority: 'low', cause: 'memory' },
      ['warn', { priority: 'low', cause: 'memory', calls: 1 }, 'calls refused: the gateway is overloaded'],
    ],
    [
      'a call without a turn',
      { type: 'queue_refused', provider: 'openai', cause: 'full' },
      ['warn', { provider: 'openai', cause: 'full', calls: 1 }, 'calls refused: no turn at the provider'],
    ],
    [
      'an alert',
      { type: 'alert', kind: 'cost', subject: 'all calls', value: 12.5, threshold: 10 },
      ['warn', { kind: 'cost', subject: 'all calls', value: 12.5, threshold: 10 }, 'an alert: a threshold is reached'],
    ],
    [
      'usage that is lost',
      { type: 'records_lost', kind: 'usage', count: 7 },
      ['warn', { counts: 7 }, 'usage is lost: the store does not take it'],
    ],
    [
      'audit events that are lost',
      { type: 'records_lost', kind: 'audit', count: 7 },
      ['warn', { events: 7 }, 'audit events are lost: the store does not take them'],
    ],
    [
      'a call that was ended',
      { type: 'ended_for_memory' },
      ['error', {}, 'a call under way was ended: memory is short'],
    ],
  ];
  it.each(table)('for %s', (_, news, line) => {
    const { tell, lines } = logging();
    tell(news);
    expect(lines).toEqual([line]);
  });

  it.each<News>([
    { type: 'retried', target: LUNA, reason, waitMs: 5 },
    { type: 'budget_spent', provider: 'openai' },
    { type: 'moved', from: LUNA, to: NOVA, reason },
    { type: 'restarted', from: LUNA, to: NOVA, reason },
    { type: 'hedged', target: LUNA, won: true },
    { type: 'escalated', from: LUNA, to: NOVA, cause: 'empty' },
    { type: 'shadow_skipped', target: NOVA },
    { type: 'fallback_answered', answer: 'sorry' },
  ])('not for what the line of the call has: $type', (news) => {
    const { tell, lines } = logging();
    tell(news);
    expect(lines).toEqual([]);
  });
});

describe('what comes by the thousand', () => {
  const shed: News = { type: 'shed', priority: 'low', cause: 'delay' };
  const calls = (lines: readonly [string, LogFields, string][]) => lines.map(([, fields]) => fields.calls);

  it('has one line a second, with how many there were since the last', () => {
    const { tell, lines, clock } = logging();
    for (let n = 0; n < 1_000; n++) tell(shed);
    expect(calls(lines)).toEqual([1]);
    clock.advance(999);
    tell(shed);
    expect(calls(lines)).toEqual([1]);
    clock.advance(1);
    tell(shed);
    expect(calls(lines)).toEqual([1, 1_001]);
    clock.advance(60_000);
    tell(shed);
    expect(calls(lines)).toEqual([1, 1_001, 1]);
  });

  it('loses none, at whatever times they come', () => {
    const { tell, lines, clock } = logging();
    for (let n = 0; n < 500; n++) {
      tell(shed);
      clock.advance(n % 7 === 0 ? 400 : 3);
    }
    clock.advance(1_000);
    tell(shed);
    expect(calls(lines).reduce<number>((sum, count) => sum + Number(count), 0)).toBe(501);
  });

  it('is told apart by its kind', () => {
    const { tell, lines } = logging();
    for (let n = 0; n < 3; n++) {
      tell(shed);
      tell({ ...shed, priority: 'normal' });
      tell({ type: 'queue_refused', provider: 'openai', cause: 'full' });
      tell({ type: 'queue_refused', provider: 'local', cause: 'full' });
    }
    expect(calls(lines)).toEqual([1, 1, 1, 1]);
  });

  it('waits for nothing', () => {
    const { tell, clock } = logging();
    tell(shed);
    expect(clock.pending).toBe(0);
  });
});

it('several can be told what is told to one', () => {
  const heard: string[] = [];
  const tell = fanOut(
    ({ type }) => void heard.push(`a ${type}`),
    ({ type }) => void heard.push(`b ${type}`),
  );
  tell({ type: 'ended_for_memory' });
  expect(heard).toEqual(['a ended_for_memory', 'b ended_for_memory']);
});
