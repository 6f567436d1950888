import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { ServerReflection } from '#gen/grpc/reflection/v1/reflection_pb.js';
import { Health } from '#gen/health/v1/health_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { helloRequest } from '../support/calls.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import { configOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { jsonOf } from '../support/json-of.ts';
import { jsonRpcDoor } from '../support/json-rpc-door.ts';
import { openAiDoor } from '../support/openai-door.ts';
import { type OtlpReceiver, otlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { callLines } from '../support/scene.ts';

const { complete, streamComplete, listModels, health } = LlmService.method;

const keys = {
  caller: 'ant_canary-of-a-caller-0000001',
  narrow: 'ant_canary-of-a-narrow-0000002',
  viewer: 'ant_canary-of-a-viewer-0000003',
  admin: 'ant_canary-of-an-admin-0000004',
  revoked: 'ant_canary-of-a-revoked-000005',
  expired: 'ant_canary-of-an-expired-00006',
  unknown: 'ant_canary-of-nobody-000000007',
};

const entry = (name: keyof typeof keys, more = '') =>
  `    - { name: ${name}, hash: "sha256:${digestOf(keys[name])}"${more} }`;

const FILE = `
models: { allowed: [mock/echo, mock/secret], default: mock/echo }
fallback: { answers: { later: Later. } }
routing:
  tiers: { fast: { targets: [mock/secret, mock/echo] } }
access:
  teams: { search: { allowed_models: [mock/echo] } }
  keys:
${[
  entry('caller'),
  entry('narrow', ', team: search'),
  entry('viewer', ', roles: [viewer]'),
  entry('admin', ', roles: [admin]'),
  entry('revoked', ', revoked: true'),
  entry('expired', ', expires: "2020-01-01T00:00:00Z"'),
].join('\n')}
`;

const doors: Record<string, (gateway: TestGateway) => DoorClient> = {
  gRPC: ({ grpcPort }) => grpcClient(grpcPort),
  'gRPC on the HTTP port': ({ httpPort }) => connectClient(httpPort, { protocol: 'grpc' }),
  Connect: ({ httpPort }) => connectClient(httpPort),
  'Connect, JSON over HTTP/2': ({ httpPort }) => connectClient(httpPort, { binary: false, httpVersion: '2' }),
  'gRPC-Web': ({ httpPort }) => connectClient(httpPort, { protocol: 'grpc-web' }),
  'OpenAI’s interface': ({ httpPort }) => openAiDoor(httpPort),
  'JSON-RPC': ({ httpPort }) => jsonRpcDoor(httpPort),
};
const names = Object.keys(doors);
const streaming = names.filter((name) => name !== 'JSON-RPC');
/** OpenAI's interface has no method for the state of the gateway. */
const rpc = names.filter((name) => !name.startsWith('OpenAI'));
const generated = rpc.filter((name) => name !== 'JSON-RPC');

let gateway: TestGateway;
let collector: OtlpReceiver;
const clients = new Map<string, DoorClient>();
const at = (door: string): DoorClient => clients.get(door) ?? expect.unreachable();

beforeAll(async () => {
  collector = await otlpReceiver();
  gateway = await startGateway({ file: FILE, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint } });
  for (const [name, open] of Object.entries(doors)) clients.set(name, open(gateway));
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await gateway.close();
  await collector.close();
});

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const withKey = (name: keyof typeof keys) => bearer(keys[name]);
const { model, messages } = helloRequest();
const hello = { model, messages };

const refused = { code: 16, errorInfo: { reason: 'UNAUTHENTICATED', domain: 'antiphon.v1' } };

describe.each(names)('%s', (door) => {
  it.each<[string, Record<string, string>]>([
    ['no key', {}],
    ['a key that is not known', withKey('unknown').headers],
    ['a key that is revoked', withKey('revoked').headers],
    ['a key that has expired', withKey('expired').headers],
    ['a key that is too long', { 'x-api-key': 'k'.repeat(600) }],
    ['two keys', { 'x-api-key': keys.caller, 'api-key': keys.admin }],
    ['a key twice', { 'x-api-key': `${keys.caller}, ${keys.caller}` }],
    ['another scheme', { authorization: `Basic ${keys.caller}` }],
    ['a name that is claimed', { 'x-tenant': 'caller', 'x-team': 'search', 'x-forwarded-user': 'admin' }],
  ])('refuses %s, in the same words', async (_, headers) => {
    const reply = await at(door).unary(complete, hello, { headers });
    const { error } = reply;
    const told = JSON.stringify(reply, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    for (const key of Object.values(keys)) expect(told).not.toContain(key.slice(4));
    expect(error).toMatchObject(refused);
    expect(error?.message).toMatch(/^No valid key came with the request\. /);
    expect(error?.metadata).toHaveProperty('x-request-id');
  });

  it.each(['authorization', 'x-api-key', 'api-key'])('takes a key by %s', async (header) => {
    const value = header === 'authorization' ? `Bearer ${keys.caller}` : keys.caller;
    expect((await at(door).unary(complete, hello, { headers: { [header]: value } })).error).toBeUndefined();
  });

  it('lets a caller and an admin call, and a viewer not', async () => {
    for (const name of ['caller', 'admin'] as const)
      expect((await at(door).unary(complete, hello, withKey(name))).error).toBeUndefined();
    const { error } = await at(door).unary(complete, hello, withKey('viewer'));
    expect(error).toMatchObject({ code: 7, errorInfo: { reason: 'PERMISSION_DENIED' } });
  });

  it('narrows the models that a team may call', async () => {
    const other = { ...hello, model: 'mock/secret' };
    expect((await at(door).unary(complete, other, withKey('caller'))).error).toBeUndefined();
    const { error } = await at(door).unary(complete, other, withKey('narrow'));
    expect(error).toMatchObject({ code: 7, errorInfo: { reason: 'MODEL_NOT_ALLOWED' } });
    expect(error?.message).toContain('is not allowed for this key');
    expect((await at(door).unary(complete, hello, withKey('narrow'))).error).toBeUndefined();
  });

  it('knows the caller by the key alone', async () => {
    const before = callLines(gateway).length;
    const spoofed = { 'x-tenant': 'evil', 'x-team': 'evil', 'x-caller': 'evil', 'x-forwarded-for': '6.6.6.6' };
    await at(door).unary(complete, hello, { headers: { ...spoofed, ...withKey('narrow').headers } });
    expect(callLines(gateway).slice(before)).toMatchObject([{ caller: 'narrow', team: 'search', status: 'OK' }]);
  });

  it('keeps a record of who is refused, and counts why', async () => {
    const before = callLines(gateway).length;
    const count = async () =>
      Number(/llm_auth_failures_total\{reason="unknown"\} (\d+)/.exec(await gateway.metrics())?.[1]);
    const counted = await count();
    await at(door).unary(complete, hello, withKey('unknown'));
    expect(callLines(gateway).slice(before)).toMatchObject([
      { caller: 'anonymous', error_reason: 'UNAUTHENTICATED', status: 'UNAUTHENTICATED', level: 'info' },
    ]);
    expect(await count()).toBe(counted + 1);
  });
});

it.each(streaming)('%s refuses a stream', async (door) => {
  expect((await at(door).stream(streamComplete, hello, withKey('unknown'))).error).toMatchObject({ code: 16 });
  expect((await at(door).stream(streamComplete, hello, withKey('caller'))).error).toBeUndefined();
});

it.each(rpc)('%s lists models and tells the state to any key, and to nobody else', async (door) => {
  const before = callLines(gateway).length;
  expect((await at(door).unary(listModels, {})).error).toMatchObject(refused);
  expect((await at(door).unary(health, {})).error).toMatchObject(refused);
  // What JSON-RPC was asked for nobody has read: it counts as a call of a model.
  expect(callLines(gateway).length - before).toBe(door === 'JSON-RPC' ? 2 : 0);
  for (const name of ['caller', 'viewer', 'admin'] as const) {
    expect((await at(door).unary(listModels, {}, withKey(name))).error).toBeUndefined();
    expect((await at(door).unary(health, {}, withKey(name))).error).toBeUndefined();
  }
});

it.each(rpc)('%s lists as allowed what the key may call', async (door) => {
  const allowed = async (name: keyof typeof keys) => {
    const [page] = (await at(door).unary(listModels, { allowedOnly: true }, withKey(name))).messages;
    return page?.models.map(({ provider, id }) => `${provider}/${id}`);
  };
  expect(await allowed('narrow')).toEqual(['mock/echo']);
  expect(await allowed('caller')).toEqual(['mock/echo', 'mock/secret']);
});

it.each(generated)('%s asks for no key where balancers look', async (door) => {
  expect((await at(door).unary(Health.method.check, {})).messages).toMatchObject([{ status: 1 }]);
});

it.each(['gRPC', 'gRPC on the HTTP port'])('%s asks for a key where the schema is', async (door) => {
  const reflection = await at(door).stream(ServerReflection.method.serverReflectionInfo as never, {});
  expect(reflection.error).toMatchObject({ code: 16 });
});

describe('the choice of a model', () => {
  const ask = (request: object, name: keyof typeof keys = 'narrow') =>
    at('Connect').unary(complete, { messages, ...request }, withKey(name));

  it('leaves out what the key may not call: by tier, as fallback, and where nothing is named', async () => {
    const byTier = await ask({ tier: 1 });
    expect(byTier.messages).toMatchObject([{ model: 'echo' }]);
    expect((await ask({ tier: 1 }, 'caller')).messages).toMatchObject([{ model: 'secret' }]);
    const fallback = await ask({ model: 'mock/echo', fallbackModels: ['mock/secret'] });
    expect(fallback.messages[0]?.warnings).toMatchObject([{ field: 'fallback_models[0]' }, { field: '' }]);
    expect((await ask({})).messages).toMatchObject([{ model: 'echo' }]);
  });

  it('goes to answers that need no model', async () => {
    expect((await ask({ model: 'fallback/later' })).error).toBeUndefined();
  });
});

describe('over plain HTTP', () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, { headers });

  it.each(['/healthz', '/readyz'])('%s is open', async (path) => {
    expect((await get(path)).status).toBe(200);
  });

  it.each(['/health', '/v1/models', '/v1/models/mock/echo', '/v1/nothing', '/rpc', '/nothing', '/'])(
    '%s is not',
    async (path) => {
      const response = await get(path);
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect((await get(path, withKey('viewer').headers)).status).not.toBe(401);
    },
  );

  it('OpenAI’s clients get the code that they compare with', async () => {
    const { error } = await jsonOf(await get('/v1/models'));
    expect(error).toMatchObject({ type: 'authentication_error', code: 'invalid_api_key', param: null });
  });

  it('a header that came twice is refused, also where Node would take the first', async () => {
    const ask = async (...authorization: string[]) => {
      const headers = ['host', 'x', ...authorization.flatMap((value) => ['authorization', value])];
      const sent = request({ port: gateway.httpPort, path: '/v1/models', headers }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await ask(`Bearer ${keys.caller}`)).toBe(200);
    expect(await ask(`Bearer ${keys.caller}`, 'Bearer another')).toBe(401);
  });

  it('a preflight has no key', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const url = `http://127.0.0.1:${gateway.httpPort}/antiphon.v1.LlmService/Complete`;
    expect((await fetch(url, { method: 'OPTIONS', headers })).status).toBe(405);
    const open = await startGateway({ file: FILE, env: { ANTIPHON_CORS_ORIGINS: 'https://app.example' } });
    const json = { 'content-type': 'application/json' };
    const there = `http://127.0.0.1:${open.httpPort}/antiphon.v1.LlmService/Complete`;
    const response = await fetch(there, { method: 'OPTIONS', headers });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([204, headers.origin]);
    const refusal = await fetch(there, { method: 'POST', headers: { ...json, origin: headers.origin } });
    expect([refusal.status, refusal.headers.get('access-control-allow-origin')]).toEqual([401, headers.origin]);
    await open.close();
  });

  it('figures of all callers are for viewers', async () => {
    const ask = async (name: keyof typeof keys) =>
      jsonOf(
        await fetch(`http://127.0.0.1:${gateway.httpPort}/rpc`, {
          method: 'POST',
          headers: withKey(name).headers,
          body: '{"jsonrpc":"2.0","id":1,"method":"llm.metrics"}',
        }),
      );
    expect(await ask('viewer')).toHaveProperty('result.series');
    expect(await ask('caller')).toMatchObject({ error: { data: { reason: 'PERMISSION_DENIED' } } });
  });
});

it('spans tell whose call it was, by name', async () => {
  await at('gRPC').unary(complete, hello, withKey('narrow'));
  const of = (kind: string) => (span: ReceivedSpan) =>
    span.kind === kind && span.attributes['antiphon.team'] === 'search';
  const spans = await collector.waitForSpans((all) => all.some(of('server')) && all.some(of('client')));
  for (const kind of ['server', 'client'])
    expect(spans.find(of(kind))?.attributes).toMatchObject({ 'antiphon.caller': 'narrow' });
});

it('nothing of a key, or of its hash, is in the log, the metrics or the spans', async () => {
  await collector.waitForSpans((all) =>
    all.some(({ attributes }) => attributes['rpc.status_code'] === 'UNAUTHENTICATED'),
  );
  const told = `${gateway.logText()}${await gateway.metrics()}${collector.bodies.join()}`;
  for (const key of Object.values(keys)) {
    expect(told).not.toContain(key);
    expect(told).not.toContain(key.slice(4));
    expect(told).not.toContain(digestOf(key).slice(0, 12));
  }
});

describe('another configuration', () => {
  it('has other keys from the next call on', async () => {
    const running = await startGateway({ file: FILE });
    const client = grpcClient(running.grpcPort);
    const code = async (key: string) => (await client.unary(listModels, {}, bearer(key))).error?.code;
    expect([await code(keys.caller), await code(keys.unknown)]).toEqual([undefined, 16]);
    running.reload(configOf(FILE.replace(digestOf(keys.caller), digestOf(keys.unknown))));
    expect([await code(keys.caller), await code(keys.unknown)]).toEqual([16, undefined]);
    client.close();
    await running.close();
  });

  it('cannot open the gateway by having no keys any more, but by saying so', async () => {
    const running = await startGateway({ file: FILE });
    const client = grpcClient(running.grpcPort);
    const code = async () => (await client.unary(listModels, {})).error?.code;
    expect(() => running.reload(configOf(''))).toThrow('access.keys has none any more');
    expect(await code()).toBe(16);
    running.reload(configOf('access: { auth: none }'));
    expect(await code()).toBeUndefined();
    client.close();
    await running.close();
  });

  it('cannot open to everybody what other machines reach', async () => {
    const running = await startGateway({ file: `${FILE}server: { host: 0.0.0.0 }\n` });
    const closed = connectClient(running.httpPort);
    expect(() => running.reload(configOf('server: { host: 127.0.0.1 }'))).toThrow('no caller is asked for a key');
    expect((await closed.unary(listModels, {})).error?.code).toBe(16);
    closed.close();
    await running.close();
  });
});
