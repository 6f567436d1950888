import { expect, it } from 'vitest';
import { fakeClock } from '../../support/fake-clock.ts';
import { otlpReceiver } from '../../support/otlp-receiver.ts';
import { until } from '../../support/scene.ts';
import type { Script } from '../../support/upstream.ts';
import { inTurn, refuses, says } from './answers.ts';
import { callLines, counts, type Door, from, type How, metric, setStage, tries, whole } from './stage.ts';

const routing = { routes: { r: { targets: ['a/one', 'b/one'] } } };
const breaker = { consecutive_failures: 2, open_ms: 60_000 };
const asked = { model: 'r' };

/** How a target comes to be left alone, and what it is then called. */
const states: readonly (readonly [string, Script])[] = [
  ['open', refuses(503)],
  ['cooling', refuses(429, { 'retry-after': '60' })],
];

const ways: readonly (readonly [How, Door])[] = [
  ['unary', 'gRPC'],
  ['stream', 'gRPC'],
  ['unary', 'Connect'],
  ['stream', 'Connect'],
];

it.each(states.flatMap(([state, script]) => ways.map(([how, door]) => [state, how, door, script] as const)))(
  'one that is %s is passed over (%s, %s), and the answer, the span and the log say so',
  async (state, how, door, script) => {
    const collector = await otlpReceiver();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
    const stage = await setStage({ a: script, b: says('B') }, { file: { routing, breaker }, env });
    for (let n = 0; n < 2; n++) await stage.ask(asked, { how, door });
    const before = stage.asked.length;
    const reply = await stage.ask(asked, { how, door });
    expect(stage.asked.slice(before)).toEqual(['b/one']);
    expect(from(reply)).toBe('b/one');
    expect(tries(reply)).toEqual(['b/one: ']);
    const reason = `route r by priority; a/one passed over: ${state}`;
    expect(whole(reply).selectionReason).toBe(reason);
    expect(callLines(stage).at(-1)?.selection).toBe(reason);
    await stage.gateway.close();
    const isChat = ({ attributes }: { attributes: Readonly<Record<string, unknown>> }) =>
      attributes['antiphon.selection.reason'] === reason;
    expect((await collector.waitForSpans((spans) => spans.some(isChat))).filter(isChat).slice(-1)).toMatchObject([
      { name: 'chat one', failed: false, attributes: { 'gen_ai.provider.name': 'b' } },
    ]);
    await collector.close();
  },
);

it('one whose provider does not answer probes is passed over until it does', async () => {
  const clock = fakeClock();
  const bad = new Set<number>();
  const listing: Script = (line) =>
    bad.has(line.socket.localPort ?? 0) ? line.socket.resetAndDestroy() && undefined : line.json(200, { data: [] });
  const probes = { enabled: true, every_ms: 1_000, failures: 2 };
  const file = { routing, probes };
  const stage = await setStage({ a: says('A'), b: says('B') }, { file, clock, listing });
  const up = async () => {
    clock.advance(1_000);
    return metric(stage, 'llm_provider_up', ['provider="a"']);
  };
  expect(from(await stage.ask(asked))).toBe('a/one');
  bad.add(stage.upstreams.a?.port ?? 0);
  await until('the probes to fail', async () => (await up()) === 0);
  const reply = await stage.ask(asked);
  expect(from(reply)).toBe('b/one');
  expect(whole(reply).selectionReason).toBe('route r by priority; a/one passed over: unhealthy');
  bad.clear();
  await until('the probes to go well', async () => (await up()) === 1);
  expect(from(await stage.ask(asked))).toBe('a/one');
  expect(counts(stage.asked)).toEqual({ 'a/one': 2, 'b/one': 1 });
});

it.each(states)('the last one is asked though it is %s', async (_, script) => {
  const works = says('A');
  const stage = await setStage({ a: inTurn(script, script, works) }, { file: { breaker } });
  const only = { model: 'a/one' };
  for (let n = 0; n < 2; n++) expect((await stage.ask(only)).error).toBeDefined();
  expect(from(await stage.ask(only))).toBe('a/one');
});

it.each(states)('if all are %s, the calls are tried all the same', async (_, script) => {
  const twice = inTurn(script, script, says('!'));
  const stage = await setStage({ a: twice, b: twice }, { file: { routing, breaker } });
  for (let n = 0; n < 2; n++) expect((await stage.ask(asked)).error).toBeDefined();
  const reply = await stage.ask(asked);
  expect(whole(reply).selectionReason).toBe('route r by priority');
});

it.each(states)(
  'that an answer is configured for that case is no reason to give up one that is %s',
  async (_, script) => {
    const fallback = { answers: { sorry: 'Sorry.' }, always: 'sorry' };
    const stage = await setStage({ a: inTurn(script, script, says('A')) }, { file: { breaker, fallback } });
    const only = { model: 'a/one' };
    for (let n = 0; n < 2; n++) expect(from(await stage.ask(only))).toBe('fallback/sorry');
    expect(from(await stage.ask(only))).toBe('a/one');
  },
);

it('a call that waits for the one that may pass an open breaker is told so by its record', async () => {
  const stage = await setStage({ a: inTurn(refuses(503), refuses(503), () => undefined) }, { file: { breaker } });
  const only = { model: 'a/one' };
  for (let n = 0; n < 2; n++) await stage.ask(only);
  const abort = new AbortController();
  const stuck = stage.ask(only, { signal: abort.signal });
  await until('the one call', () => stage.asked.length === 3);
  const { error } = await stage.ask(only);
  expect(error?.errorInfo?.reason).toBe('CIRCUIT_OPEN');
  expect(error?.retryInfo).toBeDefined();
  expect(stage.asked).toHaveLength(3);
  abort.abort();
  await stuck;
});
