import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { needs, output, run } from './commands.ts';

const GRPCURL = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4';
const GHZ = 'github.com/bojand/ghz/cmd/ghz@v0.120.0';

/** grpcurl ends with the gRPC status code and this. */
const CODES_FROM = 64;
const INVALID_ARGUMENT = 3;

const SERVICES = [
  'antiphon.v1.AdminService',
  'antiphon.v1.LlmService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
const REQUEST = JSON.stringify({ messages: [{ role: 'ROLE_USER', content: [{ text: 'Hello!' }] }] });

/** The two ports that speak gRPC. Neither tool gets a schema: both ask the server. */
const ports: readonly (readonly [string, (gateway: GatewayProcess) => number])[] = [
  ['the gRPC port', ({ grpcPort }) => grpcPort],
  ['the HTTP port', ({ httpPort }) => httpPort],
];

let bin: string;
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), 'antiphon-interop-bin-'));
});
afterAll(() => rm(bin, { recursive: true }));

/** Builds a Go program, and gives its path. */
async function built(name: string, module: string): Promise<string> {
  await output('go', ['install', module], { env: { GOBIN: bin } });
  return join(bin, name);
}

describe.for(ports)('%s', ([, portOf]) => {
  test('grpcurl lists the services, describes and calls by reflection', async (context) => {
    needs(context, 'go');
    const grpcurl = await built('grpcurl', GRPCURL);
    const address = `127.0.0.1:${portOf(await spawnGateway())}`;

    expect((await output(grpcurl, ['-plaintext', address, 'list'])).trimEnd().split('\n')).toEqual(SERVICES);
    expect(await output(grpcurl, ['-plaintext', address, 'describe', 'antiphon.v1.Usage'])).toContain('input_tokens');
    const call = ['-plaintext', '-d', REQUEST, address];
    const answer = JSON.parse(await output(grpcurl, [...call, 'antiphon.v1.LlmService/Complete']));
    expect(answer).toMatchObject({ provider: 'mock', content: [{ text: expect.stringContaining('Hello!') }] });
    const streamed = await output(grpcurl, [...call, 'antiphon.v1.LlmService/StreamComplete']);
    expect(streamed).toContain('"completed"');
    const health = await output(grpcurl, ['-plaintext', address, 'grpc.health.v1.Health/Check']);
    expect(JSON.parse(health)).toEqual({ status: 'SERVING' });
  });

  test('grpcurl prints a refusal', async (context) => {
    needs(context, 'go');
    const grpcurl = await built('grpcurl', GRPCURL);
    const address = `127.0.0.1:${portOf(await spawnGateway())}`;
    const { code, stderr } = await run(grpcurl, ['-plaintext', address, 'antiphon.v1.LlmService/Complete']);
    expect(code).toBe(CODES_FROM + INVALID_ARGUMENT);
    expect(stderr).toContain('messages must have at least one message');
    expect(stderr).toContain('"reason": "INVALID_REQUEST"');
    expect(stderr).toContain('"field": "messages"');
  });

  test('ghz makes 200 calls, none of which fails', async (context) => {
    needs(context, 'go');
    const ghz = await built('ghz', GHZ);
    const address = `127.0.0.1:${portOf(await spawnGateway())}`;
    const load = ['--insecure', '--total', '200', '--concurrency', '10', '--format', 'json'];
    const call = ['--call', 'antiphon.v1.LlmService.Complete', '--data', REQUEST, address];
    const report = JSON.parse(await output(ghz, [...load, ...call]));
    expect(report).toMatchObject({ count: 200, statusCodeDistribution: { OK: 200 } });
    expect(report.errorDistribution ?? {}).toEqual({});
  });
});

test('promtool has nothing to say about the metrics', async (context) => {
  needs(context, 'promtool');
  const gateway = await spawnGateway();
  const body = { model: '', messages: [{ role: 'user', content: 'Hello!' }] };
  const url = `http://127.0.0.1:${gateway.httpPort}/v1/chat/completions`;
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status).toBe(200);
  expect(await run('promtool', ['check', 'metrics'], { input: await gateway.metrics() })).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
});
