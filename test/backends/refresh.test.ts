import { describe, expect, it, onTestFinished } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type ListingSource, startRefresh } from '../../src/backends/http/refresh.ts';
import { GatewayError } from '../../src/core/errors.ts';
import type { ListedModel } from '../../src/core/listed-model.ts';
import { settle } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { until } from '../support/scene.ts';
import { startUpstream } from '../support/upstream.ts';

const MINUTE = 60_000;

/** Listings that are read as the given functions say, on a clock that stands still. */
function start(reads: Readonly<Record<string, ListingSource['read']>>, everyMs = 10 * MINUTE) {
  const clock = fakeClock();
  clock.chances = [0.5];
  const told: string[] = [];
  const news = {
    learn: (provider: string, models: readonly ListedModel[]) =>
      told.push(`${provider}: ${models.map(({ id }) => id)}`),
    failed: (provider: string, { kind }: GatewayError) => told.push(`${provider}: ${kind}`),
  };
  const sources = Object.entries(reads).map(([provider, read]) => ({ provider, read }));
  const refresh = startRefresh({ sources, everyMs, news, clock });
  onTestFinished(() => refresh.close());
  return {
    clock,
    told,
    refresh,
    async pass(ms: number) {
      clock.advance(ms);
      await settle();
    },
  };
}

const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('the refresh of listings', () => {
  it('begins shortly after the start, and comes again', async () => {
    let n = 0;
    const { told, pass } = start({ a: async () => [{ id: `m${n++}` }], b: async () => [{ id: 'x' }, { id: 'y' }] });
    await pass(1_999);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual(['a: m0', 'b: x,y']);
    await pass(10 * MINUTE - 1);
    expect(told).toHaveLength(2);
    await pass(1);
    expect(told.slice(2)).toEqual(['a: m1', 'b: x,y']);
  });

  it.each([
    [0, 9 * MINUTE],
    [0.999_999, 11 * MINUTE],
  ])('waits a tenth more or less by chance (%f)', async (chance, everyMs) => {
    const { clock, told, pass } = start({ a: async () => [{ id: 'm' }] });
    clock.chances = [chance];
    await pass(2_000);
    expect(told).toHaveLength(1);
    await pass(everyMs - 10);
    expect(told).toHaveLength(1);
    await pass(10);
    expect(told).toHaveLength(2);
  });

  it('tells what went wrong, once a round, and goes on with the others', async () => {
    const failing = async () => {
      throw new GatewayError('upstream_auth', 'no');
    };
    const defect = async () => {
      throw new Error('a defect');
    };
    const { told, pass } = start({ a: failing, b: async () => [{ id: 'm' }], c: async () => [], d: defect });
    await pass(2_000);
    expect(told.sort()).toEqual(['a: upstream_auth', 'b: m', 'c: upstream_bad_response', 'd: internal']);
    await pass(10 * MINUTE);
    expect(told).toHaveLength(8);
  });

  it('gives up on a listing that does not come', async () => {
    const { clock, told, pass } = start({ a: hang });
    await pass(2_000);
    await pass(29_999);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual(['a: upstream_timeout']);
    expect(clock.pending).toBe(1);
  });

  it('ends when it is closed, whether it waits or reads, and tells nothing more', async () => {
    const waiting = start({ a: async () => [{ id: 'm' }] });
    await waiting.refresh.close();
    const reading = start({ a: hang });
    await reading.pass(2_000);
    await reading.refresh.close();
    for (const { told, clock, pass } of [waiting, reading]) {
      expect(clock.pending).toBe(0);
      await pass(60 * MINUTE);
      expect(told).toEqual([]);
    }
  });

  it('does nothing without a provider that lists its models', async () => {
    const { clock, refresh } = start({});
    expect(clock.pending).toBe(0);
    await refresh.close();
  });
});

describe('a gateway', () => {
  const KEY = 'sk-test-key-of-the-listing';
  const env = (url: string) => ({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: url });

  it('that is told to, reads listings, and tells of a key that one does not know', { timeout: 20_000 }, async () => {
    const upstream = await startUpstream((line) => line.json(401, { error: { message: `bad key ${KEY}` } }));
    onTestFinished(() => upstream.close());
    const gateway = await startGateway({ env: env(upstream.url), file: 'catalogue: { refresh_ms: 60000 }' });
    onTestFinished(() => gateway.close());
    const warnings = () => gateway.lines().filter(({ level }) => level === 'warn');
    await until('two warnings', () => warnings().length === 2);
    expect(upstream.received).toMatchObject([{ method: 'GET', headers: { authorization: `Bearer ${KEY}` } }]);
    expect(warnings()).toMatchObject([
      // Calls use another key from now on, if there is one.
      { msg: 'key set aside', provider: 'openai', key: 'OPENAI_API_KEY', error_reason: 'UPSTREAM_AUTH' },
      { msg: 'the list of models could not be read', provider: 'openai', error_reason: 'UPSTREAM_AUTH' },
    ]);
    expect(gateway.logText()).not.toContain(KEY);
    const metrics = await gateway.metrics();
    const samples = metrics.split('\n').filter((line) => line.startsWith('llm_keys_set_aside'));
    expect(samples.sort()).toEqual([
      'llm_keys_set_aside{provider="openai",error_type="upstream_auth"} 1',
      'llm_keys_set_aside{provider="openai",error_type="upstream_billing"} 0',
      'llm_keys_set_aside{provider="openai",error_type="upstream_rate_limited"} 0',
    ]);
  });

  it('that is told to, lists what a provider lists', { timeout: 20_000 }, async () => {
    const upstream = await startUpstream((line) =>
      line.json(200, { object: 'list', data: [{ id: 'brand-new-model' }] }),
    );
    onTestFinished(() => upstream.close());
    const variables = { ...env(upstream.url), ALLOWED_MODELS: 'openai/*' };
    const gateway = await startGateway({ env: variables, file: 'catalogue: { refresh_ms: 60000 }' });
    onTestFinished(() => gateway.close());
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    await until('the new model', async () => {
      const { messages } = await client.unary(LlmService.method.listModels, {});
      return messages.some(({ models }) => models.some(({ id }) => id === 'brand-new-model'));
    });
    expect(gateway.lines().filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('that is not told to, reads none', async () => {
    const upstream = await startUpstream((line) => line.json(200, {}));
    onTestFinished(() => upstream.close());
    const gateway = await startGateway({ env: env(upstream.url) });
    await gateway.close();
    expect(upstream.accepted).toBe(0);
  });
});
