import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, type RawReply, rawHttp2 } from '../support/raw-http2.ts';
import { callLines, type Scene, scene, wayNames } from '../support/scene.ts';
import { chatBody, type Line } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;
const hello = helloRequest('test-model');
const MESSAGE = toBinary(CompleteRequestSchema, hello);
const PATH = '/antiphon.v1.LlmService/Complete';

const table = wayNames.flatMap((way) => (['unary', 'stream'] as const).map((kind) => ({ way, kind })));

/*
 * A Connect client starts its own timer before its request is on the way, and cancels when that rings; the gateway counts
 * from the request's arrival. If the two are far apart, it can only take this for a cancellation.
 */
test.each(table)(
  'row 33: a deadline that passes ($kind, $way) ends the call at the provider',
  async ({ way, kind }) => {
    const asked = Promise.withResolvers<Line>();
    const stage = await scene((line) => {
      if (kind === 'stream') line.startStream();
      if (kind === 'stream') line.text('two words');
      asked.resolve(line);
    });
    const method = kind === 'unary' ? complete : streamComplete;
    const { error } = await stage.client(way)[kind](method as typeof complete, hello, { timeoutMs: 800 });
    expect(error).toMatchObject({ code: 4 });
    await (await asked.promise).closed;
    const line = await stage.callLine();
    const usage = kind === 'stream' ? { output_tokens: 3, tokens_estimated: true } : {};
    expect(line).toMatchObject({ level: 'info', attempts: 1, ...usage });
    expect(line.status).toBeOneOf(way === 'gRPC' ? ['DEADLINE_EXCEEDED'] : ['DEADLINE_EXCEEDED', 'CANCELLED']);
    await stage.quiet();
    expect(stage.upstream.received).toHaveLength(1);
  },
);

async function callRaw(port: number, grpcTimeout: string): Promise<RawReply> {
  const client = await rawHttp2(port);
  onTestFinished(() => client.close());
  return client.call({ path: PATH, headers: { 'grpc-timeout': grpcTimeout }, body: grpcFrame(MESSAGE) });
}

const connect = (port: number, timeoutMs: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: 'POST',
    body: MESSAGE,
    headers: { 'content-type': 'application/proto', 'connect-timeout-ms': timeoutMs },
  });

const prompt = (): Promise<Scene> => scene((line) => line.json(200, chatBody('x')));

describe('a caller that leaves the deadline to the gateway', () => {
  const silent = (): Promise<Scene> => scene(() => undefined);

  test.each(['grpcPort', 'httpPort'] as const)('row 33: over gRPC is told of it (%s)', async (port) => {
    const { gateway, upstream, quiet, callLine } = await silent();
    expect(await callRaw(gateway[port], '200m')).toMatchObject({ grpcStatus: 4, rstCode: 0 });
    expect(await callLine()).toMatchObject({ status: 'DEADLINE_EXCEEDED', error_reason: 'DEADLINE_EXCEEDED' });
    await quiet();
    expect(upstream.received).toHaveLength(1);
  });

  test('row 33: over Connect is told of it', async () => {
    const { gateway, upstream, quiet, callLine } = await silent();
    const response = await connect(gateway.httpPort, '200');
    expect(response.status).toBe(504);
    const { code, details } = (await response.json()) as { code: string; details: readonly object[] };
    expect(code).toBe('deadline_exceeded');
    expect(details[0]).toMatchObject({ debug: { reason: 'DEADLINE_EXCEEDED', domain: 'antiphon.v1' } });
    expect(await callLine()).toMatchObject({ status: 'DEADLINE_EXCEEDED', error_reason: 'DEADLINE_EXCEEDED' });
    await quiet();
    expect(upstream.received).toHaveLength(1);
  });
});

test('row 33: a call whose deadline has passed when it comes never reaches the provider', async () => {
  const { gateway, upstream } = await prompt();
  expect(await callRaw(gateway.grpcPort, '1n')).toMatchObject({ grpcStatus: 4 });
  expect(await callRaw(gateway.httpPort, '1n')).toMatchObject({ grpcStatus: 4 });
  expect((await connect(gateway.httpPort, '0')).status).toBe(504);
  expect(upstream.received).toHaveLength(0);
  expect(callLines(gateway).every(({ status, attempts }) => status === 'DEADLINE_EXCEEDED' && attempts === 0)).toBe(
    true,
  );
});

/*
 * The longest deadline. grpc-js keeps it in 32 bits of milliseconds, before anything of ours sees it: beyond 596 hours it
 * has passed at once, or is some other time. The HTTP port takes 24 hours, and says so.
 */
describe('row 34: a very long deadline', () => {
  test.each([
    ['24H', 0],
    ['596H', 0],
    ['600H', 4],
  ])('of %s on the gRPC port gives %i', async (grpcTimeout, grpcStatus) => {
    const { gateway, upstream } = await prompt();
    expect(await callRaw(gateway.grpcPort, grpcTimeout)).toMatchObject({ grpcStatus });
    expect(upstream.received).toHaveLength(grpcStatus === 0 ? 1 : 0);
  });

  test.each([
    ['24H', 0, ''],
    ['25H', 3, 'timeout 90000000ms must be <= 86400000'],
    ['600H', 3, 'timeout 2160000000ms must be <= 86400000'],
  ])('of %s by gRPC on the HTTP port gives %i', async (grpcTimeout, grpcStatus, grpcMessage) => {
    const { gateway, upstream } = await prompt();
    expect(await callRaw(gateway.httpPort, grpcTimeout)).toMatchObject({ grpcStatus, grpcMessage });
    expect(upstream.received).toHaveLength(grpcStatus === 0 ? 1 : 0);
  });

  test.each([
    ['86400000', 200],
    ['86400001', 400],
    ['9999999999', 400],
  ])('of %s ms by Connect gives %i', async (timeoutMs, status) => {
    const { gateway, upstream } = await prompt();
    expect((await connect(gateway.httpPort, timeoutMs)).status).toBe(status);
    expect(upstream.received).toHaveLength(status === 200 ? 1 : 0);
  });
});

describe('row 35: a deadline that cannot be read', () => {
  test.each(['abc', '10', '1D', ''])(
    '%j is INTERNAL on the gRPC port and INVALID_ARGUMENT on the other',
    async (bad) => {
      const { gateway, upstream } = await prompt();
      expect(await callRaw(gateway.grpcPort, bad)).toMatchObject({ grpcStatus: 13, rstCode: 0 });
      expect(await callRaw(gateway.httpPort, bad)).toMatchObject({ grpcStatus: 3, rstCode: 0 });
      expect(upstream.received).toHaveLength(0);
      expect(await callRaw(gateway.grpcPort, '1S')).toMatchObject({ grpcStatus: 0 });
      expect(upstream.received).toHaveLength(1);
    },
  );

  test.each(['abc', '-1', '1.5', '99999999999'])('%j is INVALID_ARGUMENT by Connect', async (bad) => {
    const { gateway, upstream } = await prompt();
    const response = await connect(gateway.httpPort, bad);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_argument' });
    expect(upstream.received).toHaveLength(0);
  });
});
