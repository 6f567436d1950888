import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  CacheMode,
  CachePolicySchema,
  CacheStatus,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CostStatus,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../../src/core/events.ts';
import { helloRequest } from '../../support/calls.ts';
import { scene, until } from '../../support/scene.ts';
import { chatBody, type Script } from '../../support/upstream.ts';

const { complete, streamComplete, health } = LlmService.method;

const FILE = {
  telemetry: { log_level: 'info' },
  cache: { enabled: true },
};

/** What can be kept without anybody asking for it. */
const cool = (more: Partial<CompleteRequest> = {}): CompleteRequest =>
  create(CompleteRequestSchema, { ...helloRequest('test/test-model'), temperature: 0, ...more });

const answering: Script = (line) => {
  if (line.request.headers.accept !== 'text/event-stream') return line.json(200, chatBody('hi there'));
  line.startStream();
  for (const word of ['hi', ' ', 'there']) line.text(word);
  line.finish();
};

const open = (script: Script, more: object = {}) =>
  scene(script, {
    file: JSON.stringify({
      ...FILE,
      ...more,
      cache: { ...FILE.cache, ...('cache' in more ? Object(more.cache) : {}) },
    }),
  });

const policy = (mode: CacheMode) => create(CachePolicySchema, { mode });

const textOf = ({ content }: Pick<CompleteResponse, 'content'>): string =>
  content.map(({ part }) => (part.case === 'text' ? part.value : '')).join('');

describe('the cache of a whole gateway', () => {
  it('gives an answer again, free of charge, as a new call, in one piece and in pieces', async () => {
    const stage = await open(answering);
    const client = stage.client('gRPC');
    const first = (await client.unary(complete, cool())).messages[0];
    const again = (await client.unary(complete, cool())).messages[0];
    const streamed = await client.stream(streamComplete, cool());
    expect(stage.upstream.received).toHaveLength(1);
    expect(first).toMatchObject({ cacheStatus: CacheStatus.MISS, attempts: [{ provider: 'test' }] });
    expect(again).toMatchObject({
      cacheStatus: CacheStatus.HIT,
      provider: 'test',
      model: 'test-model',
      providerModel: 'test-model-2026',
      content: first?.content,
      usage: first?.usage,
      cost: { status: CostStatus.PRICED, totalNanoUsd: 0n, priceSource: 'cache' },
      attempts: [],
    });
    expect(again?.id).not.toBe(first?.id);
    expect(again?.context?.traceId).not.toBe(first?.context?.traceId);
    expect(checkEvents(streamed.messages)).toBeUndefined();
    expect(streamed.messages.map(({ event }) => event.case)).toEqual(['start', 'textDelta', 'completed']);
    expect(streamed.messages[0]?.event.value).toMatchObject({ cacheStatus: CacheStatus.HIT, provider: 'test' });
    expect(streamed.messages.at(-1)?.event.value).toMatchObject({ cacheStatus: CacheStatus.HIT, usage: first?.usage });
  });

  it('counts what an answer took once, however often it is given', async () => {
    const stage = await open(answering);
    const client = stage.client('gRPC');
    for (let i = 0; i < 3; i++) await client.unary(complete, cool());
    await until('the lines', () => stage.gateway.lines().filter(({ msg }) => msg === 'call').length === 3);
    const lines = stage.gateway.lines().filter(({ msg }) => msg === 'call');
    expect(lines.map(({ cache, input_tokens }) => [cache, input_tokens])).toEqual([
      ['miss', 7],
      ['hit', undefined],
      ['hit', undefined],
    ]);
    const page = await stage.gateway.metrics();
    expect(page).toMatch(/llm_tokens_total\{[^}]*token_type="input"[^}]*\} 7\n/);
    expect(page).toMatch(/llm_cache_requests_total\{[^}]*result="hit"[^}]*\} 2\n/);
    expect(page).toMatch(/llm_cache_requests_total\{[^}]*result="miss"[^}]*\} 1\n/);
    expect(page).toMatch(/llm_cache_hits_total\{[^}]*tier="local"[^}]*\} 2\n/);
    expect(page).toMatch(/llm_cache_entries\{?[^}\n]*\}? 1\n/);
  });

  it.each([
    ['unary', (i: number) => i < 0],
    ['streamed', (i: number) => i >= 0],
    ['mixed', (i: number) => i % 2 === 1],
    ['mixed, beginning with a stream', (i: number) => i % 2 === 0],
  ])('asks once for 1,000 equal calls at once: %s', async (_, streams) => {
    const gate = Promise.withResolvers<void>();
    const stage = await open(async (line, n) => {
      await gate.promise;
      await answering(line, n);
    });
    const client = stage.client('gRPC');
    const all = Array.from({ length: 1_000 }, (_unused, i) =>
      streams(i) ? client.stream(streamComplete, cool()) : client.unary(complete, cool()),
    );
    // On a connection of its own: the other has as many calls as it may.
    const other = stage.client('Connect over HTTP/1.1');
    await until('all calls', async () => Number((await other.unary(health, {})).messages[0]?.activeCalls) >= 1_000);
    expect(stage.upstream.received).toHaveLength(1);
    gate.resolve();
    const replies = await Promise.all(all);
    expect(replies.filter(({ error }) => error)).toEqual([]);
    expect(stage.upstream.received).toHaveLength(1);
    const ends = replies.map(({ messages }) => {
      const last = messages.at(-1);
      if (!last || !('event' in last)) return last as CompleteResponse;
      expect(checkEvents(messages as Parameters<typeof checkEvents>[0])).toBeUndefined();
      return last.event.value as CompleteResponse;
    });
    const texts = replies.map(({ messages }) =>
      messages
        .map((each) =>
          'event' in each ? (each.event.case === 'textDelta' ? each.event.value.text : '') : textOf(each),
        )
        .join(''),
    );
    expect(new Set(texts)).toEqual(new Set(['hi there']));
    expect(ends.filter(({ attempts }) => attempts.length > 0)).toHaveLength(1);
    expect(new Set(ends.map(({ id }) => id)).size).toBe(1_000);
    const page = await stage.gateway.metrics();
    expect(page).toMatch(/llm_tokens_total\{[^}]*token_type="input"[^}]*\} 7\n/);
    expect(page).toMatch(/llm_requests_total\{[^}]*status="OK"[^}]*\} 1000\n/);
    expect(page).toMatch(/llm_cache_requests_total\{[^}]*result="shared"[^}]*\} 999\n/);
    await stage.quiet({ connections: false });
  });

  it('is left alone by what has no temperature, unless it asks for it, and by BYPASS', async () => {
    const stage = await open(answering);
    const client = stage.client('gRPC');
    const asked = async (mode?: CacheMode, temperature?: number) => {
      const request = helloRequest('test/test-model');
      if (mode !== undefined) request.cache = policy(mode);
      if (temperature !== undefined) request.temperature = temperature;
      const { messages, error } = await client.unary(complete, request);
      return error?.errorInfo?.reason ?? messages[0]?.cacheStatus;
    };
    expect(await asked()).toBe(CacheStatus.BYPASS);
    expect(await asked(CacheMode.ONLY)).toBe('CACHE_MISS');
    expect(await asked(CacheMode.DEFAULT)).toBe(CacheStatus.MISS);
    expect(await asked(CacheMode.DEFAULT)).toBe(CacheStatus.HIT);
    expect(await asked(CacheMode.ONLY)).toBe(CacheStatus.HIT);
    expect(await asked()).toBe(CacheStatus.BYPASS);
    expect(await asked(CacheMode.REFRESH)).toBe(CacheStatus.BYPASS);
    expect(await asked(CacheMode.BYPASS, 0)).toBe(CacheStatus.BYPASS);
    expect(await asked(undefined, 0.1)).toBe(CacheStatus.BYPASS);
    expect(await asked(undefined, 0)).toBe(CacheStatus.MISS);
    expect(stage.upstream.received).toHaveLength(7);
  });

  it('that is switched off says so to those who ask for it', async () => {
    const stage = await open(answering, { cache: { enabled: false } });
    const client = stage.client('gRPC');
    for (const mode of [CacheMode.DEFAULT, CacheMode.REFRESH]) {
      const { messages } = await client.unary(complete, cool({ cache: policy(mode) }));
      expect(messages[0]).toMatchObject({ cacheStatus: CacheStatus.BYPASS, warnings: [{ field: 'cache.mode' }] });
    }
    const only = cool({ cache: policy(CacheMode.ONLY) });
    expect((await client.unary(complete, only)).error).toMatchObject({ code: 5, errorInfo: { reason: 'CACHE_MISS' } });
    expect((await client.unary(complete, cool())).messages[0]?.warnings).toEqual([]);
    expect(stage.upstream.received).toHaveLength(3);
  });

  it('keeps what it has through a reload, and nothing when it is switched off', async () => {
    const stage = await open(answering);
    const client = stage.client('gRPC');
    await client.unary(complete, cool());
    stage.gateway.reload(stage.gateway.config);
    expect((await client.unary(complete, cool())).messages[0]?.cacheStatus).toBe(CacheStatus.HIT);
    stage.gateway.reload({ ...stage.gateway.config, cache: { ...stage.gateway.config.cache, enabled: false } });
    stage.gateway.reload(stage.gateway.config);
    expect((await client.unary(complete, cool())).messages[0]?.cacheStatus).toBe(CacheStatus.MISS);
  });
});
