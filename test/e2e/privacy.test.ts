import { describe, expect, it, onTestFinished } from 'vitest';
import { type OtlpReceiver, otlpReceiver } from '../support/otlp-receiver.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import type { Upstream } from '../support/upstream.ts';
import { doorNames, doorsOf, type Told } from './privacy/doors.ts';
import { faults, startTellingUpstream } from './privacy/upstream.ts';
import { found, type Word, words } from './privacy/words.ts';

const everyWord = Object.keys(words) as readonly Word[];

/** Models that the gateway itself refuses. */
const refused = ['nobody/knows-it', 'test/not-allowed', 'x'.repeat(257)];

interface Scene {
  readonly upstream: Upstream;
  readonly collector: OtlpReceiver;
  readonly gateway: GatewayProcess;
  readonly answered: readonly Told[];
  readonly failed: readonly Told[];
  readonly metrics: string;
}

/** One gateway that has been asked everything through one door, and has ended. */
async function play(name: (typeof doorNames)[number], captures: boolean): Promise<Scene> {
  const upstream = await startTellingUpstream();
  const collector = await otlpReceiver();
  onTestFinished(() => upstream.close());
  onTestFinished(() => collector.close());
  const gateway = await spawnGateway({
    file: `
providers:
  test: { base_url: "${upstream.url}", api_key: "\${TEST_KEY}", headers: { x-extra: "\${TEST_HEADER}" } }
models: { allowed: [${['answers', ...faults].map((model) => `test/${model}`).join(', ')}] }
retry: { max_retries: 1, base_ms: 1 }
breaker: { enabled: false }
server: { drain_delay_ms: 0 }
telemetry: { log_level: debug, capture_content: ${captures} }
`,
    env: {
      TEST_KEY: `no-pattern-${words.key}`,
      TEST_HEADER: `with spaces ${words.key}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=sk-${words.key}`,
    },
  });
  const door = doorsOf(gateway.grpcPort, gateway.httpPort)[name];
  const answered = await door.ask('test/answers');
  const failed: Told[] = [];
  for (const model of [...faults.map((fault) => `test/${fault}`), ...refused]) failed.push(...(await door.ask(model)));
  failed.push(...(await door.misuse()));
  const metrics = await gateway.metrics();
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  return { upstream, collector, gateway, answered, failed, metrics };
}

const CONTENT = /^gen_ai\.(?:input\.messages|output\.messages|system_instructions|tool\.definitions)$/;

describe.each(doorNames)('%s', (name) => {
  it('tells nobody else what was asked, what was answered, and by which keys', async () => {
    const { upstream, collector, gateway, answered, failed, metrics } = await play(name, false);
    // It was all there to be told.
    const sent = JSON.stringify(upstream.received);
    expect(found(sent, 'asked', 'pasted', 'key')).toHaveLength(3);
    expect(answered.map((told) => [told.failed, found(told.text, 'answered').length])).toEqual(
      answered.map(() => [false, 1]),
    );
    expect(failed.filter((told) => !told.failed)).toEqual([]);
    expect(failed.length).toBeGreaterThan(20);
    expect(collector.spans.length).toBeGreaterThan(20);

    expect([...answered, ...failed].flatMap(({ text }) => found(text, 'asked', 'pasted', 'key', 'label'))).toEqual([]);
    expect(found(metrics, ...everyWord)).toEqual([]);
    expect(collector.bodies.flatMap((body) => found(body, ...everyWord))).toEqual([]);
    expect(found(gateway.stderr(), ...everyWord)).toEqual([]);
    // Labels are there for the log, and for nothing else.
    const lines = gateway.lines().map(({ labels, ...line }) => ({ labels, rest: JSON.stringify(line) }));
    expect(lines.flatMap(({ rest }) => found(rest, ...everyWord))).toEqual([]);
    const labels = lines.flatMap((line) => (line.labels === undefined ? [] : JSON.stringify(line.labels)));
    expect(labels.filter((text) => text.includes(words.label)).length).toBeGreaterThan(0);
    expect(labels.flatMap((text) => found(text, 'asked', 'pasted', 'answered', 'key'))).toEqual([]);
  }, 60_000);

  it('tells it only to the content of spans if the operator wants that, and never the keys', async () => {
    const { collector, gateway, failed, metrics } = await play(name, true);
    const attributes = collector.spans.flatMap(({ attributes }) => Object.entries(attributes));
    const content = attributes.filter(([key]) => CONTENT.test(key)).map(([, value]) => String(value));
    const others = attributes.filter(([key]) => !CONTENT.test(key));
    expect(content.filter((text) => text.includes(words.asked)).length).toBeGreaterThan(5);
    expect(content.filter((text) => text.includes(words.answered)).length).toBeGreaterThan(0);
    expect(content.filter((text) => JSON.parse(text).length === 0)).toEqual([]);
    expect(found(JSON.stringify(others), ...everyWord)).toEqual([]);
    expect(collector.bodies.flatMap((body) => found(body, 'key', 'label', 'pasted'))).toEqual([]);
    expect(found(metrics, ...everyWord)).toEqual([]);
    expect(failed.flatMap(({ text }) => found(text, 'asked', 'pasted', 'key'))).toEqual([]);
    const lines = gateway.lines().map(({ labels: _, ...line }) => JSON.stringify(line));
    expect(lines.flatMap((line) => found(line, ...everyWord))).toEqual([]);
    expect(gateway.stdout()).toContain('Spans hold what is asked and answered');
  }, 60_000);
});
