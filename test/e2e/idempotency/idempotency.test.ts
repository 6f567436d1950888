import { describe, expect, it, onTestFinished } from 'vitest';
import {
  CacheStatus,
  type CompleteRequest,
  type CompleteResponse,
  CostStatus,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../../src/core/events.ts';
import { helloRequest } from '../../support/calls.ts';
import { callLines, scene, until, type WayName, wayNames } from '../../support/scene.ts';
import { chatBody, type Script } from '../../support/upstream.ts';

const { complete, streamComplete, health } = LlmService.method;

const KEY = 'a key that nobody else has';

const FILE = JSON.stringify({
  telemetry: { log_level: 'info' },
  catalogue: { models: { 'test/test-model': { price: { input_usd_per_million: 1, output_usd_per_million: 2 } } } },
});

const keyed = (more: Partial<CompleteRequest> = {}): CompleteRequest => ({
  ...helloRequest('test/test-model'),
  idempotencyKey: KEY,
  ...more,
});

const answering: Script = (line) => {
  if (line.request.headers.accept !== 'text/event-stream') return line.json(200, chatBody('hi there'));
  line.startStream();
  for (const word of ['hi', ' ', 'there']) line.text(word);
  line.finish();
};

/** Answers when it is told to. */
function gated() {
  const gate = Promise.withResolvers<void>();
  const script: Script = async (line, n) => {
    await gate.promise;
    await answering(line, n);
  };
  return { script, open: () => gate.resolve() };
}

const textOf = ({ content }: Pick<CompleteResponse, 'content'>): string =>
  content.map(({ part }) => (part.case === 'text' ? part.value : '')).join('');

const total = (page: string, name: string): number =>
  [...page.matchAll(new RegExp(`^${name}\\{?[^}\\n]*\\}? (\\S+)$`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);

const linesOf = async (stage: Awaited<ReturnType<typeof scene>>, count: number) => {
  await until('the lines of the calls', () => callLines(stage.gateway).length >= count);
  return callLines(stage.gateway);
};

describe('a call that is repeated with its key', () => {
  it('has the same answer, with its cost, as a new call, and counts nothing', async () => {
    const stage = await scene(answering, { file: FILE });
    const client = stage.client('gRPC');
    const first = (await client.unary(complete, keyed())).messages[0];
    const again = (await client.unary(complete, keyed())).messages[0];
    const streamed = await client.stream(streamComplete, keyed());
    expect(stage.upstream.received).toHaveLength(1);
    expect(first).toMatchObject({ cacheStatus: CacheStatus.BYPASS, cost: { status: CostStatus.PRICED } });
    expect(first?.cost?.totalNanoUsd).toBeGreaterThan(0n);
    const { content, usage, cost, finishReason, provider, model, providerModel } = first as CompleteResponse;
    const same = { usage, cost, finishReason, provider, model, providerModel };
    expect(again).toMatchObject({ ...same, content, cacheStatus: CacheStatus.REPLAYED, attempts: [] });
    expect(again?.id).not.toBe(first?.id);
    expect(checkEvents(streamed.messages)).toBeUndefined();
    const [start, , end] = streamed.messages.map(({ event }) => event.value);
    expect(start).toMatchObject({ cacheStatus: CacheStatus.REPLAYED, provider, model });
    expect(end).toMatchObject({ ...same, cacheStatus: CacheStatus.REPLAYED });
    const lines = await linesOf(stage, 3);
    expect(lines.map(({ cache, input_tokens, cost_nano_usd }) => [cache, input_tokens, cost_nano_usd])).toEqual([
      [undefined, 7, Number(cost?.totalNanoUsd)],
      ['replayed', undefined, 0],
      ['replayed', undefined, 0],
    ]);
    const page = await stage.gateway.metrics();
    expect(page).toMatch(/llm_tokens_total\{[^}]*token_type="input"[^}]*\} 7\n/);
    expect(total(page, 'llm_cost_usd_total')).toBeCloseTo(Number(cost?.totalNanoUsd) / 1e9, 12);
    expect(page).toMatch(/llm_idempotency_requests_total\{[^}]*result="new"[^}]*\} 1\n/);
    expect(page).toMatch(/llm_idempotency_requests_total\{[^}]*result="replayed"[^}]*\} 2\n/);
    expect(stage.gateway.logText() + page).not.toContain(KEY);
  });

  it('has the answer of a stream, too', async () => {
    const stage = await scene(answering, { file: FILE });
    const client = stage.client('gRPC');
    await client.stream(streamComplete, keyed());
    const again = (await client.unary(complete, keyed())).messages[0];
    expect([again && textOf(again), again?.cacheStatus]).toEqual(['hi there', CacheStatus.REPLAYED]);
    expect(stage.upstream.received).toHaveLength(1);
  });

  it('is refused if it asks for something else', async () => {
    const stage = await scene(answering, { file: FILE });
    const client = stage.client('gRPC');
    await client.unary(complete, keyed());
    const { error } = await client.unary(complete, keyed({ temperature: 1 }));
    expect(error).toMatchObject({ code: 3, errorInfo: { reason: 'IDEMPOTENCY_MISMATCH' } });
    expect(error?.message).not.toContain(KEY);
  });

  it('is a new one after a failure', async () => {
    const stage = await scene((line, n) => (n === 0 ? line.json(500, {}) : answering(line, n)), { file: FILE });
    const client = stage.client('gRPC');
    expect((await client.unary(complete, keyed())).error?.errorInfo?.reason).toBe('UPSTREAM_ERROR');
    const again = (await client.unary(complete, keyed())).messages[0];
    expect(again).toMatchObject({ cacheStatus: CacheStatus.BYPASS, attempts: [{ provider: 'test' }] });
  });

  it('is not looked up in the cache again', async () => {
    const file = JSON.stringify({ ...JSON.parse(FILE), cache: { enabled: true } });
    const stage = await scene(answering, { file });
    const client = stage.client('gRPC');
    const cool = keyed({ temperature: 0 });
    expect((await client.unary(complete, cool)).messages[0]?.cacheStatus).toBe(CacheStatus.MISS);
    expect((await client.unary(complete, cool)).messages[0]?.cacheStatus).toBe(CacheStatus.REPLAYED);
    const page = await stage.gateway.metrics();
    expect(total(page, 'llm_cache_requests_total')).toBe(1);
    const unkeyed = await client.unary(complete, { ...cool, idempotencyKey: '' });
    expect(unkeyed.messages[0]?.cacheStatus).toBe(CacheStatus.HIT);
  });

  it('draws on no limit again', async () => {
    const file = JSON.stringify({ ...JSON.parse(FILE), quotas: { all: { requests_per_month: 1 } } });
    const stage = await scene(answering, { file });
    const client = stage.client('gRPC');
    for (let i = 0; i < 3; i++) expect((await client.unary(complete, keyed())).error).toBeUndefined();
    const { error } = await client.unary(complete, keyed({ idempotencyKey: 'another' }));
    expect(error?.errorInfo?.reason).toMatch(/RATE_LIMITED|BUDGET_EXCEEDED/);
  });

  it('is one with what was begun before the configuration was read again', async () => {
    const { script, open } = gated();
    const stage = await scene(script, { file: FILE });
    const client = stage.client('gRPC');
    const first = client.unary(complete, keyed());
    await until('the provider', () => stage.upstream.received.length === 1);
    stage.gateway.reload(stage.gateway.config);
    const again = client.unary(complete, keyed());
    open();
    const statuses = (await Promise.all([first, again])).map(({ messages }) => messages[0]?.cacheStatus);
    expect(statuses).toEqual([CacheStatus.BYPASS, CacheStatus.REPLAYED]);
    expect(stage.upstream.received).toHaveLength(1);
  });
});

describe.each<WayName>([...wayNames])('a caller that leaves, over %s', (way) => {
  it.each(['unary', 'stream'])('is let go, and finds the answer when it comes again: %s', async (kind) => {
    const { script, open } = gated();
    const stage = await scene(script, { file: FILE });
    const client = stage.client(way);
    const abort = new AbortController();
    const first =
      kind === 'unary'
        ? client.unary(complete, keyed(), { signal: abort.signal })
        : client.stream(streamComplete, keyed(), { signal: abort.signal });
    await until('the provider', () => stage.upstream.received.length === 1);
    abort.abort();
    expect((await first).error?.code).toBe(1);
    // By then the gateway has noticed, as far as it can be told from outside.
    const other = stage.client(way);
    for (let i = 0; i < 3; i++) await other.unary(health, {});
    const again = other.unary(complete, keyed());
    open();
    const response = (await again).messages[0];
    expect([response && textOf(response), response?.cacheStatus]).toEqual(['hi there', CacheStatus.REPLAYED]);
    expect(stage.upstream.received).toHaveLength(1);
    const lines = await linesOf(stage, 2);
    const one = lines.find(({ cache }) => cache !== 'replayed');
    expect(one?.cost_nano_usd).toBe(Number(response?.cost?.totalNanoUsd));
    expect(total(await stage.gateway.metrics(), 'llm_cost_usd_total')).toBeCloseTo(
      Number(one?.cost_nano_usd) / 1e9,
      12,
    );
    await stage.quiet({ connections: false });
  });
});

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly antiphon: { readonly cache?: string };
}

const readJson = async (response: Response): Promise<Completion> => JSON.parse(await response.text());

describe('OpenAI’s door', () => {
  const post = (port: number, headers: Record<string, string>, more: object = {}, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'test/test-model', messages: [{ role: 'user', content: 'hello' }], ...more }),
      ...(signal ? { signal } : {}),
    });

  it('takes the usual header, and says that the answer was given before', async () => {
    const stage = await scene(answering, { file: FILE });
    const { httpPort } = stage.gateway;
    const bodies = [];
    for (let i = 0; i < 2; i++) bodies.push(await readJson(await post(httpPort, { 'idempotency-key': KEY })));
    expect(bodies.map((body) => [body.choices[0]?.message.content, body.antiphon.cache])).toEqual([
      ['hi there', undefined],
      ['hi there', 'replayed'],
    ]);
    const streamed = await (await post(httpPort, { 'x-antiphon-idempotency-key': KEY }, { stream: true })).text();
    expect(streamed).toContain('"content":"hi there"');
    expect(streamed.trimEnd().endsWith('data: [DONE]')).toBe(true);
    const other = await post(httpPort, { 'idempotency-key': KEY }, { temperature: 1 });
    expect([other.status, JSON.stringify(await other.json())]).toEqual([
      422,
      expect.stringContaining('IDEMPOTENCY_MISMATCH'),
    ]);
    expect(stage.upstream.received).toHaveLength(1);
  });

  it('answers at the deadline, though the call goes on', async () => {
    const { script, open } = gated();
    const stage = await scene(script, { file: FILE });
    onTestFinished(open);
    const { httpPort } = stage.gateway;
    const late = await post(httpPort, { 'idempotency-key': KEY, 'x-antiphon-timeout-ms': '300' });
    expect(late.status).toBe(504);
    expect(stage.upstream.received).toHaveLength(1);
    const again = post(httpPort, { 'idempotency-key': KEY });
    open();
    const body = await readJson(await again);
    expect([body.choices[0]?.message.content, stage.upstream.received.length]).toEqual(['hi there', 1]);
    const lines = await linesOf(stage, 2);
    expect(lines.find(({ status }) => status === 'DEADLINE_EXCEEDED')?.input_tokens).toBe(7);
  });
});
