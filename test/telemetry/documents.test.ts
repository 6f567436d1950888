import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { expect, it, onTestFinished } from 'vitest';
import { AttemptSchema, CostSchema, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { errorKinds } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { startTelemetry } from '../../src/telemetry/otel.ts';
import { fakeClock } from '../support/fake-clock.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documentation = readFileSync(`${root}docs/telemetry.md`, 'utf8');

const [LUNA, NOVA] = ['gpt-6-luna', 'nova'].map((model) => ({ provider: 'openai', model }));
const target = LUNA ?? { provider: '', model: '' };
const to = NOVA ?? target;

/** One of each that is counted. */
const news: readonly News[] = [
  { type: 'retried', target, reason: 'upstream_error', waitMs: 1 },
  { type: 'budget_spent', provider: 'openai' },
  { type: 'moved', from: target, to, reason: 'upstream_error' },
  { type: 'restarted', from: target, to, reason: 'upstream_reset' },
  { type: 'hedged', target, won: true },
  { type: 'escalated', from: target, to, cause: 'empty' },
  { type: 'shadow_skipped', target },
  {
    type: 'shadowed',
    comparison: {
      target,
      shadow: to,
      error: undefined,
      durationMs: 1,
      shadowDurationMs: 1,
      costNanoUsd: 1,
      shadowCostNanoUsd: 1,
      length: 1,
      shadowLength: 1,
      fitsSchema: true,
      shadowFitsSchema: true,
    },
  },
  { type: 'fallback_answered', answer: 'default' },
  { type: 'prompt_cache', target, savedNanoUsd: 1n, surchargeNanoUsd: 1n },
];

/** A page of metrics on which every metric has a series. */
async function fullPage(): Promise<string> {
  const gauges = { provider: 'openai', up: true, queued: 1, openBreakers: 1 };
  const telemetry = await startTelemetry({
    serviceName: 'antiphon',
    version: '1.2.3',
    otlpEndpoint: undefined,
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    knownTargets: [target, to],
    keysAside: () => [{ provider: 'openai', reason: 'upstream_auth', keys: 1 }],
    providers: () => [gauges],
    clock: fakeClock(),
    log: { info: () => undefined, warn: () => undefined },
  });
  onTestFinished(() => telemetry.shutdown());
  const usage = create(UsageSchema, { inputTokens: 1n });
  const times = { durationMs: 5, firstTokenMs: 1, overheadMs: 1 };
  for (const status of [CostStatus.PRICED, CostStatus.UNPRICED])
    for (const error of [undefined, ...errorKinds]) {
      const cost = create(CostSchema, { status, totalNanoUsd: 1n });
      telemetry.metrics.finished({ target, error, ...times, usage, cost, attempts: [create(AttemptSchema, target)] });
    }
  for (const each of news) telemetry.tell(each);
  return (await fetch(`http://${telemetry.metricsAddress}/metrics`)).text();
}

/** What the tables of metrics say: the type and the labels by the name. */
const documented = new Map(
  documentation
    .split('\n')
    .filter((line) => /^\| `(?:llm|process|nodejs)_/.test(line))
    .flatMap((line) => {
      const [, names = '', type = '', labels = ''] = line.split('|').map((cell) => cell.trim());
      const words = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
      return words(names).map((name) => [name, { type, labels: words(labels).sort() }] as const);
    }),
);

it('docs/telemetry.md has every metric, with its type and its labels, and no other', async () => {
  const page = await fullPage();
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  types.delete('target_info');
  expect([...documented.keys()].sort()).toEqual([...types.keys()].sort());
  for (const [name, { type, labels }] of documented) {
    // Those of the process stand in one row, which says nothing of types.
    if (type !== '') expect([name, type]).toEqual([name, types.get(name)]);
    const sample = new RegExp(`^${name}(?:_sum)?(?:\\{(.*)\\})? `, 'm').exec(page);
    const found = [...(sample?.[1] ?? '').matchAll(/([a-z_]+)=/g)].map(([, label = '']) => label);
    expect([name, found.sort()]).toEqual([name, labels]);
  }
});

/** Every message of a line that the sources write, but for the lines of calls. */
function messages(): readonly string[] {
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const sources = files.map((path) => readFileSync(`${root}src/${path}`, 'utf8')).join('\n');
  const written = /\b#?(?:log|logger|limited)\.(?:debug|info|warn|error)\([^;']*?,\s*'([^']+)'/g;
  return [...new Set([...sources.matchAll(written)].map(([, message = '']) => message))];
}

it('docs/telemetry.md has every line of the log', () => {
  expect(messages().length).toBeGreaterThan(15);
  // Of half-open breakers the page speaks in passing: their line is for debugging.
  expect(messages().filter((message) => !documentation.includes(`"${message}"`))).toEqual(['breaker half open']);
});

it('docs/telemetry.md has every field of the line of a call', () => {
  const source = readFileSync(`${root}src/telemetry/log.ts`, 'utf8');
  const fields = /interface CallLine \{(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const names = [...fields.matchAll(/readonly (\w+):/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !documentation.includes(`\`${name}\``))).toEqual([]);
});
