import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AdminService, AlertKind, type ListAlertsResponse } from '#gen/antiphon/v1/admin_service_pb.js';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { grpcCode } from '../../src/core/errors.ts';
import { helloRequest } from '../support/calls.ts';
import type { DoorClient } from '../support/doors.ts';
import { type Scene, scene, until, type WayName } from '../support/scene.ts';
import { chatBody, type Line, type Script } from '../support/upstream.ts';

const {
  listProviders,
  testProvider: askProvider,
  getCacheStats,
  listCacheEntries,
  purgeCache,
  getUsageReport,
  listAlerts,
} = AdminService.method;
const { complete, listModels } = LlmService.method;

const keys = {
  caller: 'ant_canary-of-a-caller-0000001',
  viewer: 'ant_canary-of-a-viewer-0000002',
  admin: 'ant_canary-of-an-admin-0000003',
};
type Name = keyof typeof keys;
const PROVIDER_KEY = 'sk-canary-of-the-provider';

const as = (name: Name) => ({ headers: { authorization: `Bearer ${keys[name]}` } });

const FILE = {
  access: {
    teams: { search: {} },
    keys: (Object.keys(keys) as Name[]).map((name) => ({
      name,
      hash: `sha256:${digestOf(keys[name])}`,
      roles: [name],
      ...(name === 'caller' && { team: 'search' }),
    })),
  },
  cache: { enabled: true },
  usage: { labels: ['project'] },
  alerts: { error_rate: 0.5, min_calls: 3, latency_p95_ms: 3_600_000, usd_per_hour: 1_000_000 },
  quotas: { teams: { search: { requests_per_day: 5 } } },
};

const answering: Script = (line) =>
  line.request.path.endsWith('/models')
    ? line.json(200, { object: 'list', data: [{ id: 'test-model', object: 'model' }] })
    : line.json(200, chatBody('hi there'));

const open = (script: Script = answering, more: object = {}): Promise<Scene> =>
  scene(script, { file: JSON.stringify({ ...FILE, ...more }), env: { LLM_API_KEY: PROVIDER_KEY } });

const cool = (project = 'a') =>
  create(CompleteRequestSchema, { ...helloRequest('test/test-model'), temperature: 0, labels: { project } });

const call = async (client: DoorClient, project?: string) =>
  (await client.unary(complete, cool(project), as('caller'))).error;

const doors: WayName[] = ['gRPC', 'Connect over HTTP/1.1'];

describe.each(doors)('%s', (door) => {
  it('ListProviders shows what is on, and nothing that is secret', async () => {
    const client = (await open()).client(door);
    const { messages, error } = await client.unary(listProviders, {}, as('viewer'));
    expect(error).toBeUndefined();
    expect(messages).toMatchObject([
      {
        providers: [
          {
            name: 'test',
            kind: 'openai_compatible',
            host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
            keys: ['LLM_API_KEY'],
            models: 1,
            health: { provider: 'test', status: HealthStatus.SERVING, keys: 1 },
          },
        ],
      },
    ]);
    expect(JSON.stringify(messages)).not.toContain('canary');
  });

  it('TestProvider asks for the list of models, with the key', async () => {
    const { client, upstream } = await open();
    const { messages } = await client(door).unary(askProvider, { provider: 'test' }, as('admin'));
    expect(messages).toMatchObject([{ succeeded: true, errorReason: ErrorReason.UNSPECIFIED, message: '' }]);
    expect(upstream.received.map(({ method, path, headers }) => [method, path, headers.authorization])).toEqual([
      ['GET', '/v1/models', `Bearer ${PROVIDER_KEY}`],
    ]);
  });

  it.each<[string, ErrorReason, Script]>([
    [
      'refuses the key',
      ErrorReason.UPSTREAM_AUTH,
      (line: Line) => line.json(401, { error: { message: PROVIDER_KEY } }),
    ],
    ['fails', ErrorReason.UPSTREAM_ERROR, (line: Line) => line.json(500, { error: { message: PROVIDER_KEY } })],
    ['hangs up', ErrorReason.UPSTREAM_INCOMPLETE, (line: Line) => void line.socket.destroy()],
    ['does not answer', ErrorReason.UPSTREAM_TIMEOUT, () => undefined],
  ])('TestProvider tells of one that %s, and what to do', async (_, errorReason, script) => {
    const { client, gateway } = await open(script, { probes: { timeout_ms: 500 } });
    const { messages, error } = await client(door).unary(askProvider, { provider: 'test' }, as('admin'));
    expect(error).toBeUndefined();
    expect(messages).toMatchObject([{ succeeded: false, errorReason, message: expect.stringMatching(/\w/) }]);
    expect(messages[0]?.message).not.toContain('canary');
    expect(gateway.logText()).not.toContain('canary');
  });

  it('TestProvider of one that is not there is an error', async () => {
    const client = (await open()).client(door);
    const { error } = await client.unary(askProvider, { provider: 'canary' }, as('admin'));
    expect(error).toMatchObject({ code: grpcCode.notFound, errorInfo: { reason: 'NOT_FOUND' } });
    expect(error?.message).not.toContain('canary');
  });

  it('TestProvider ends with its caller', async () => {
    const { client, upstream } = await open(() => undefined);
    const abort = new AbortController();
    const asked = client(door).unary(askProvider, { provider: 'test' }, { ...as('admin'), signal: abort.signal });
    await until('the question', () => upstream.received.length === 1);
    abort.abort();
    expect((await asked).error?.code).toBe(grpcCode.cancelled);
    await until('no connection', () => upstream.open === 0);
  });

  it('PurgeCache lets go of what GetCacheStats counts', async () => {
    const { client, upstream } = await open();
    const at = client(door);
    const entries = async () => (await at.unary(getCacheStats, {}, as('viewer'))).messages[0]?.entries;
    expect((await at.unary(getCacheStats, {}, as('viewer'))).messages).toMatchObject([
      { enabled: true, shared: false },
    ]);
    const purge = async (scope: object) => (await at.unary(purgeCache, { scope } as never, as('admin'))).error;
    await call(at);
    expect(await entries()).toBe(1n);
    const list = async (wanted: object) =>
      (await at.unary(listCacheEntries, wanted, as('viewer'))).messages[0]?.entries;
    const kept = [{ model: 'test/test-model', team: 'search', key: '' }];
    expect(await list({})).toMatchObject(kept);
    expect(await list({ team: 'search', model: 'test/test-model' })).toMatchObject(kept);
    expect(await list({ team: 'other' })).toEqual([]);
    expect(await list({ key: 'caller' })).toEqual([]);
    expect(await purge({ case: 'team', value: 'other' })).toBeUndefined();
    expect(await purge({ case: 'key', value: 'caller' })).toBeUndefined();
    expect(await purge({ case: 'model', value: 'test/other' })).toBeUndefined();
    expect(await entries()).toBe(1n);
    expect(await purge({ case: 'team', value: 'search' })).toBeUndefined();
    expect(await entries()).toBe(0n);
    await call(at);
    expect(upstream.received).toHaveLength(2);
    expect(await purge({ case: 'model', value: 'test/test-model' })).toBeUndefined();
    expect(await entries()).toBe(0n);
    const error = await purge({ case: undefined });
    expect([error?.code, error?.badRequest?.fieldViolations[0]?.field]).toEqual([grpcCode.invalidArgument, 'scope']);
  });

  it('GetUsageReport divides what was used, and counts all of it', async () => {
    const at = (await open()).client(door);
    await call(at, 'a');
    await call(at, 'b');
    const ask = async (request: object) => at.unary(getUsageReport, request, as('viewer'));
    const calls = async () => (await ask({})).messages[0]?.total?.calls;
    await until('the usage', async () => (await calls()) === 2n);
    const { messages } = await ask({ groupBy: ['team', 'label:project'], filter: { provider: 'test' }, limit: 1 });
    expect(messages).toMatchObject([
      {
        rows: [{ values: ['search', expect.stringMatching(/^[ab]$/)] }],
        // The second was a hit of the cache.
        total: { calls: 2n, tries: 1n, inputTokens: 7n },
      },
    ]);
    expect(messages[0]?.rows).toHaveLength(1);
    const { error } = await ask({ groupBy: ['label:colour'], limit: 20_000 });
    expect(error?.badRequest?.fieldViolations.map(({ field }) => field)).toEqual(['group_by[0]', 'limit']);
  });

  it('ListAlerts has limits that are used up and models that fail, the newest first', async () => {
    const { client, gateway } = await open((line) => line.json(500, { error: { message: 'canary' } }));
    const at = client(door);
    const alerts = async (limit = 0): Promise<ListAlertsResponse['alerts']> =>
      (await at.unary(listAlerts, { limit }, as('viewer'))).messages[0]?.alerts ?? [];
    expect(await alerts()).toEqual([]);
    for (let i = 0; i < 4; i++) await call(at);
    await until('the alerts', async () => (await alerts()).length === 3);
    const told = await alerts();
    expect(told.map(({ kind, subject }) => [kind, subject]).toSorted()).toEqual([
      [AlertKind.LIMIT, 'team search'],
      [AlertKind.ERROR_RATE, 'all calls'],
      [AlertKind.ERROR_RATE, 'test/test-model'],
    ]);
    expect(told.find(({ kind }) => kind === AlertKind.LIMIT)).toMatchObject({ value: 0.8, threshold: 0.8 });
    expect((await alerts(1)).map(({ time }) => time)).toEqual([told[0]?.time]);
    expect(await gateway.metrics()).toContain('llm_alerts_total{kind="error_rate"} 2');
    expect(gateway.lines().filter(({ msg }) => msg === 'an alert: a threshold is reached')).toHaveLength(2);
    const { error } = await at.unary(listAlerts, { limit: 1_001 }, as('viewer'));
    expect(error?.badRequest?.fieldViolations.map(({ field }) => field)).toEqual(['limit']);
  });

  it('a viewer changes nothing', async () => {
    const { client, upstream } = await open();
    const at = client(door);
    await call(at);
    for (const { error } of [
      await at.unary(purgeCache, { scope: { case: 'all', value: true } }, as('viewer')),
      await at.unary(askProvider, { provider: 'test' }, as('viewer')),
    ])
      expect(error?.code).toBe(grpcCode.permissionDenied);
    expect((await at.unary(getCacheStats, {}, as('viewer'))).messages).toMatchObject([{ entries: 1n }]);
    expect(upstream.received).toHaveLength(1);
  });
});

it('ListProviders counts the models that may be called, as ListModels has them', async () => {
  const { client } = await scene(answering, {
    file: JSON.stringify({ ...FILE, providers: { openai: { base_url: 'http://127.0.0.1:9' } } }),
    env: { OPENAI_API_KEY: 'sk-canary-of-openai', ALLOWED_MODELS: 'openai/gpt-6-luna,test/*' },
  });
  const at = client('gRPC');
  const [listed] = (await at.unary(listModels, { provider: 'openai' }, as('viewer'))).messages;
  const allowed = listed?.models.filter((model) => model.allowed) ?? [];
  expect(allowed.length).toBeLessThan(listed?.models.length ?? 0);
  const [shown] = (await at.unary(listProviders, {}, as('viewer'))).messages;
  expect(shown?.providers.map(({ name, models, keys: names }) => [name, models, names])).toEqual([
    ['openai', allowed.length, ['OPENAI_API_KEY']],
    ['test', 1, ['LLM_API_KEY']],
  ]);
});

it('what is shown stays the same where the configuration is read again, and follows it', async () => {
  const { client, gateway } = await open();
  const at = client('gRPC');
  const enabled = async () => (await at.unary(getCacheStats, {}, as('viewer'))).messages[0]?.enabled;
  expect(await enabled()).toBe(true);
  gateway.reload({ ...gateway.config, cache: { ...gateway.config.cache, enabled: false } });
  expect(await enabled()).toBe(false);
});
