// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AdminService, type AuditEvent } from '#gen/antiphon/v1/admin_service_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { grpcCode } from '../../src/core/errors.ts';
import { helloRequest } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { startGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';

const { getSettings, updateSettings, reloadConfiguration, listKeys, createKey, revokeKey, listAuditEvents } =
  AdminService.method;
const ADMIN = 'the-key-of-the-operators';
const PATIENCE = { timeout: 30_000, interval: 50 };
const SLOW_MS = 60_000;

async function opened({ env = {}, ...options }: TestGatewayOptions) {
  const gateway = await startGateway({ ...options, env: { LLM_ADMIN_API_KEY: ADMIN, ...env } });
  const client = grpcClient(gateway.grpcPort);
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    client.close();
    await gateway.close();
  };
  onTestFinished(close);
  const unary: typeof client.unary = (method, request, more) =>
    client.unary(method, request, { headers: { authorization: `Bearer ${ADMIN}` }, ...more });
  /** The reason of the error of a call by this key. Undefined: it was answered. */
  const call = async (key = ADMIN, model = 'mock/a') => {
    const headers = { authorization: `Bearer ${key}` };
    const { error } = await client.unary(LlmService.method.complete, { ...helloRequest(), model }, { headers });
    return error?.errorInfo?.reason;
  };
  const settings = async () => {
    const { messages } = await unary(getSettings, {});
    return { revision: messages[0]?.revision, changed: messages[0]?.changed, effective: messages[0]?.effective };
  };
  const allow = (patterns: string[], revision: bigint, validateOnly = false) =>
    unary(updateSettings, { settings: { allowedModels: { patterns } }, revision, validateOnly });
  const events = async (): Promise<readonly AuditEvent[]> =>
    (await unary(listAuditEvents, {})).messages[0]?.events ?? [];
  return { gateway, unary, call, settings, allow, events, close };
}

const FILE = 'models: { allowed: ["mock/*"] }\nquotas: { all: { requests_per_day: 1000 } }\n';

async function redisServer(...options: string[]): Promise<RedisServer> {
  const redis = await startRedis(...options);
  onTestFinished(() => redis.close());
  return redis;
}

const atRedis = ({ port }: RedisServer): TestGatewayOptions => ({
  env: { REDIS_URL: `redis://127.0.0.1:${port}` },
  file: `${FILE}store: { timeout_ms: 1000 }\n`,
});

const inFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-admin-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { env: { ANTIPHON_SQLITE_PATH: join(folder, 'store.db') }, file: FILE };
};

describe('settings', () => {
  it('take effect as a whole, with what they leave as the file has it', async () => {
    const { settings, unary, call } = await opened({ file: FILE });
    const before = await settings();
    expect(before).toMatchObject({ revision: 0n, changed: { quotasJson: '', routingJson: '' } });
    expect(before.effective?.allowedModels?.patterns).toEqual(['mock/*']);
    expect(JSON.parse(before.effective?.quotasJson ?? '')).toMatchObject({ all: { requests_per_day: 1_000 } });
    const { messages } = await unary(updateSettings, {
      settings: { allowedModels: { patterns: ['mock/b'] }, quotasJson: '{"keys":{"*":{"requests_per_day":2}}}' },
      revision: 0n,
    });
    expect(messages[0]).toMatchObject({ revision: 1n, effective: { allowedModels: { patterns: ['mock/b'] } } });
    expect(JSON.parse(messages[0]?.effective?.quotasJson ?? '')).toMatchObject({ all: {}, output_tokens: 1_000 });
    expect(await call(ADMIN, 'mock/a')).toBe('MODEL_NOT_ALLOWED');
    expect([await call(ADMIN, 'mock/b'), await call(ADMIN, 'mock/b'), await call(ADMIN, 'mock/b')]).toEqual([
      undefined,
      undefined,
      'BUDGET_EXCEEDED',
    ]);
    await unary(updateSettings, { settings: {}, revision: 1n });
    expect((await settings()).effective).toEqual(before.effective);
    expect([(await settings()).revision, await call()]).toEqual([2n, undefined]);
  });

  it('that are not valid change nothing, and every place is told', async () => {
    const { settings, unary, call, gateway } = await opened({ file: FILE });
    const { error } = await unary(updateSettings, {
      settings: {
        allowedModels: { patterns: ['mock/b', 'two words'] },
        quotasJson: '{"keys":{"a":{"requests_per_day":-1}},"al":{}}',
        routingJson: `{"rules":[{"name":"r","targets":["nowhere/m"]}]}`,
      },
      revision: 0n,
    });
    expect([error?.code, error?.errorInfo?.reason]).toEqual([grpcCode.invalidArgument, 'INVALID_REQUEST']);
    expect(error?.badRequest?.fieldViolations).toMatchObject([
      {
        field: 'settings.allowed_models.patterns[1]',
        description: 'is not a model pattern. Write "id", "provider/id", "provider/*" or "*".',
      },
      {
        field: 'settings.quotas_json.keys.a.requests_per_day',
        description: 'is too small. Write a whole number from 1 to 1,000,000,000,000.',
      },
      { field: 'settings.quotas_json.al', description: 'is not a known setting. Did you mean "all"?' },
    ]);
    expect([(await settings()).revision, await call()]).toEqual([0n, undefined]);
    expect(gateway.lines().filter(({ msg }) => `${msg}`.includes('settings of the store'))).toEqual([]);
  });

  it('read nothing of the environment and of files, whatever they refer to', async () => {
    const { unary, settings } = await opened({ file: FILE, env: { CANARY: 'canary-value-1' } });
    const routingJson = JSON.stringify({
      rules: [{ name: 'r', match: { labels: { a: '${CANARY} ${file:/etc/hostname}' } }, targets: ['mock/a'] }],
    });
    expect((await unary(updateSettings, { settings: { routingJson }, revision: 0n })).error).toBeUndefined();
    expect(JSON.parse((await settings()).effective?.routingJson ?? '')).toMatchObject({
      rules: [{ match: { labels: { a: '${CANARY} ${file:/etc/hostname}' } } }],
    });
  });

  it('are only checked if that is wanted', async () => {
    const { allow, settings, call } = await opened({ file: FILE });
    const { messages } = await allow(['mock/b'], 0n, true);
    expect(messages[0]).toMatchObject({ revision: 0n, effective: { allowedModels: { patterns: ['mock/*'] } } });
    expect((await allow(['two words'], 0n, true)).error?.code).toBe(grpcCode.invalidArgument);
    expect([(await settings()).revision, await call()]).toEqual([0n, undefined]);
  });

  it('win over the variables of the start', async () => {
    const { allow, call, settings } = await opened({ env: { ALLOWED_MODELS: 'mock/*' } });
    await allow(['mock/b'], 0n);
    expect([await call(), await call(ADMIN, 'mock/b')]).toEqual(['MODEL_NOT_ALLOWED', undefined]);
    expect((await settings()).effective?.allowedModels?.patterns).toEqual(['mock/b']);
  });

  it('last over a restart, and over a file that changes', async () => {
    const where = inFolder();
    const first = await opened(where);
    await first.allow(['mock/b'], 0n);
    await first.close();
    const { call, settings, gateway, unary, allow } = await opened(where);
    expect([await call(), await call(ADMIN, 'mock/b')]).toEqual(['MODEL_NOT_ALLOWED', undefined]);
    expect((await settings()).revision).toBe(1n);

    gateway.write('models: { allowed: ["mock/*"] }\nquotas: { all: { requests_per_day: 7 } }\n');
    expect((await unary(reloadConfiguration, {})).error).toBeUndefined();
    expect(await call()).toBe('MODEL_NOT_ALLOWED');
    expect(JSON.parse((await settings()).effective?.quotasJson ?? '')).toMatchObject({ all: { requests_per_day: 7 } });

    gateway.write('models: { alowed: [] }\n');
    const { error } = await unary(reloadConfiguration, {});
    expect(error?.badRequest?.fieldViolations).toMatchObject([{ field: 'models.alowed' }]);
    expect((await allow(['mock/a'], 1n)).error?.badRequest?.fieldViolations).toMatchObject([
      { field: 'models.alowed' },
    ]);
    expect(await call(ADMIN, 'mock/b')).toBeUndefined();
    expect(await gateway.metrics()).toMatch(/llm_config_reloads_total\{result="rejected"\} 1/);
  });

  it('of which the file knows nothing any more are not in effect, until it fits again', async () => {
    const where = inFolder();
    const routes = 'routing: { routes: { good: { targets: ["mock/a"] } } }\n';
    const quotas = '{"models":{"mock/a":{"requests_per_day":1}}}';
    const first = await opened({ ...where, file: `${FILE}fallback: { answers: { sorry: "Sorry." } }\n` });
    const routingJson = '{"routes":{"good":{"targets":["mock/a","fallback/sorry"]}}}';
    expect(
      (await first.unary(updateSettings, { settings: { routingJson, quotasJson: quotas }, revision: 0n })).error,
    ).toBeUndefined();
    await first.close();

    const { gateway, settings, unary, call } = await opened({ ...where, file: FILE + routes });
    const line = gateway.lines().find(({ msg }) => `${msg}`.startsWith('settings of the store not in effect'));
    expect(line).toMatchObject({
      level: 'error',
      revision: 1,
      problems: [{ path: expect.stringContaining('routing') }],
    });
    expect(await gateway.metrics()).toMatch(/llm_config_reloads_total\{result="rejected"\} 1/);
    const state = await settings();
    expect([state.revision, state.changed?.routingJson]).toEqual([1n, routingJson]);
    expect(JSON.parse(state.effective?.routingJson ?? '')).toMatchObject({ routes: { good: { targets: ['mock/a'] } } });
    expect([await call(), await call()]).toEqual([undefined, undefined]);
    gateway.write(`${FILE}fallback: { answers: { sorry: "Sorry." } }\n`);
    expect((await unary(reloadConfiguration, {})).error).toBeUndefined();
    expect(JSON.parse((await settings()).effective?.routingJson ?? '')).toMatchObject(JSON.parse(routingJson));
    await call();
    expect(await call()).toBe('BUDGET_EXCEEDED');
  });

  it.skipIf(!hasRedis)(
    'of one replica are those of the other, and of two admins one is told to look again',
    async () => {
      const redis = await redisServer();
      const [one, other] = [await opened(atRedis(redis)), await opened(atRedis(redis))];
      const both = await Promise.all([one.allow(['mock/b'], 0n), other.allow(['mock/c'], 0n)]);
      const refused = both.flatMap(({ error }) => error ?? []);
      expect(refused).toMatchObject([{ code: grpcCode.aborted, errorInfo: { reason: 'CONFLICT' } }]);
      const allowed = both[0]?.error ? 'mock/c' : 'mock/b';
      for (const { call } of [one, other]) {
        await vi.waitFor(async () => expect(await call()).toBe('MODEL_NOT_ALLOWED'), PATIENCE);
        expect(await call(ADMIN, allowed)).toBeUndefined();
      }
      expect((await one.allow(['two words'], 1n)).error?.code).toBe(grpcCode.invalidArgument);
      expect([(await one.settings()).revision, (await other.settings()).revision]).toEqual([1n, 1n]);
    },
    SLOW_MS,
  );

  it.skipIf(!hasRedis)(
    'go on while the store is away, and are there when it is back',
    async () => {
      const redis = await redisServer();
      const first = await opened(atRedis(redis));
      await first.allow(['mock/b'], 0n);
      await redis.stop();
      await vi.waitFor(
        async () => expect((await first.allow(['mock/c'], 1n)).error?.code).toBe(grpcCode.unavailable),
        PATIENCE,
      );
      expect((await first.allow(['mock/c'], 1n)).error?.errorInfo?.reason).toBe('STORE_UNAVAILABLE');
      expect([await first.call(), (await first.settings()).revision]).toEqual(['MODEL_NOT_ALLOWED', 1n]);
      // One that starts now knows of nothing, and follows as soon as it can.
      const second = await opened(atRedis(redis));
      expect(await second.call()).toBeUndefined();
      await redis.start();
      await vi.waitFor(async () => expect(await second.call()).toBe('MODEL_NOT_ALLOWED'), PATIENCE);
      expect((await second.settings()).revision).toBe(1n);
    },
    SLOW_MS,
  );
});

describe('keys and the audit log', () => {
  it('let in what was made, refuse what was ended, and tell of both without a key', async () => {
    const { unary, call, events, gateway } = await opened({ file: FILE });
    const { messages } = await unary(createKey, { name: 'billing', allowedModels: ['mock/b'] });
    const key = messages[0]?.key ?? '';
    expect([await call(key, 'mock/b'), await call(key, 'mock/a')]).toEqual([undefined, 'MODEL_NOT_ALLOWED']);
    const listed = (await unary(listKeys, {})).messages[0]?.keys ?? [];
    expect(listed.map(({ name }) => name)).toEqual(['LLM_ADMIN_API_KEY', 'billing']);
    expect((await unary(createKey, { name: 'Billing' })).error?.code).toBe(6);
    expect((await unary(createKey, { name: 'b', team: 'none' })).error?.code).toBe(grpcCode.invalidArgument);
    expect((await unary(revokeKey, { name: 'LLM_ADMIN_API_KEY' })).error?.code).toBe(grpcCode.failedPrecondition);
    expect((await unary(revokeKey, { name: 'nobody' })).error?.code).toBe(grpcCode.notFound);
    expect((await unary(revokeKey, { name: 'billing' })).messages[0]?.info?.revoked).toBe(true);
    expect(await call(key, 'mock/b')).toBe('UNAUTHENTICATED');
    const told = (await events()).map(({ action, object, refusedBecause }) => [
      action,
      object,
      ErrorReason[refusedBecause],
    ]);
    expect(told.reverse()).toEqual([
      ['key.create', 'billing', 'UNSPECIFIED'],
      ['call.refused', 'mock/a', 'MODEL_NOT_ALLOWED'],
      ['key.create', 'Billing', 'ALREADY_EXISTS'],
      ['key.create', 'b', 'INVALID_REQUEST'],
      ['key.revoke', 'LLM_ADMIN_API_KEY', 'FAILED_PRECONDITION'],
      ['key.revoke', 'nobody', 'NOT_FOUND'],
      ['key.revoke', 'billing', 'UNSPECIFIED'],
      ['call.refused', '', 'UNAUTHENTICATED'],
    ]);
    const everything = `${JSON.stringify(await events(), (_, value) => (typeof value === 'bigint' ? `${value}` : value))} ${gateway.logText()} ${await gateway.metrics()}`;
    for (const secret of [key, key.slice(4, 30), ADMIN]) expect(everything).not.toContain(secret);
  });

  it('tell a caller that it may not, and not that nobody may, where the store alone has keys that may', async () => {
    const where = inFolder();
    const first = await opened(where);
    const made = (name: string, roles: string[]) => first.unary(createKey, { name, roles });
    const [admin, caller] = [await made('operator', ['admin']), await made('billing', ['caller'])];
    await first.close();
    const { unary } = await opened({ ...where, env: { ...where.env, LLM_ADMIN_API_KEY: '' } });
    const list = async ({ messages: [created] }: typeof admin) =>
      (await unary(listKeys, {}, { headers: { authorization: `Bearer ${created?.key}` } })).error?.errorInfo?.reason;
    expect([await list(admin), await list(caller)]).toEqual([undefined, 'PERMISSION_DENIED']);
  });

  it.skipIf(!hasRedis)(
    'are those of all replicas',
    async () => {
      const redis = await redisServer();
      const [one, other] = [await opened(atRedis(redis)), await opened(atRedis(redis))];
      const key = (await one.unary(createKey, { name: 'billing' })).messages[0]?.key ?? '';
      await vi.waitFor(async () => expect(await other.call(key)).toBeUndefined(), PATIENCE);
      await other.unary(revokeKey, { name: 'billing' });
      expect(await other.call(key)).toBe('UNAUTHENTICATED');
      await vi.waitFor(async () => expect(await one.call(key)).toBe('UNAUTHENTICATED'), PATIENCE);
      await vi.waitFor(async () => {
        const actions = (await one.events()).map(({ action }) => action).filter((action) => action.startsWith('key'));
        expect(actions).toEqual(['key.revoke', 'key.create']);
      }, PATIENCE);
    },
    SLOW_MS,
  );
});
