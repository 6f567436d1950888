import { expect, onTestFinished, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { providerAt } from '../support/gateway.ts';
import { spawnGateway } from '../support/process.ts';
import { until } from '../support/scene.ts';
import { type Line, startUpstream } from '../support/upstream.ts';

const { streamComplete } = LlmService.method;
const SECRET = 'sk-CANARY-of-the-defect-0123456789';

/** A module that fails, in a way that nothing catches, when it is told to. */
const defects: Record<string, string> = {
  uncaughtException: `process.on('SIGUSR2', () => { throw new TypeError('boom with ${SECRET}'); });`,
  unhandledRejection: `process.on('SIGUSR2', () => { void Promise.reject(new TypeError('boom with ${SECRET}')); });`,
};

test.each(Object.entries(defects))(
  'row 80: an %s is logged, drains the process, and ends it with 1',
  async (event, preload) => {
    const streams: Line[] = [];
    const upstream = await startUpstream((line) => {
      line.startStream();
      line.text('word');
      streams.push(line);
    });
    onTestFinished(() => upstream.close());
    const gateway = await spawnGateway({
      env: providerAt(upstream.url),
      file: 'server: { drain_delay_ms: 1500, drain_grace_ms: 20000 }',
      preload,
    });
    const client = grpcClient(gateway.grpcPort);
    onTestFinished(() => client.close());
    const reply = client.stream(streamComplete, helloRequest('test-model'));
    await until('the provider to be asked', () => streams.length === 1);

    gateway.signal('SIGUSR2');
    await until('readiness to fail', async () => {
      return (await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`)).status === 503;
    });
    for (const line of streams) line.finish();
    expect((await reply).error).toBeUndefined();
    expect(await gateway.exited).toEqual({ code: 1, signal: null });

    const told = gateway.lines().filter(({ level }) => level === 'error');
    expect(told).toMatchObject([{ msg: 'uncaught', event, defect: { name: 'TypeError' } }]);
    expect(gateway.lines().filter(({ msg }) => msg === 'call')).toMatchObject([{ status: 'OK' }]);
    expect(gateway.stdout() + gateway.stderr()).not.toContain(SECRET);
  },
);

test('row 80: a second defect while it drains ends the process at once', async () => {
  const upstream = await startUpstream((line) => line.startStream());
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({
    env: providerAt(upstream.url),
    file: 'server: { drain_delay_ms: 600000 }',
    preload: defects.uncaughtException ?? '',
  });
  gateway.signal('SIGUSR2');
  await until('the first to be logged', () => gateway.lines().some(({ msg }) => msg === 'uncaught'));
  gateway.signal('SIGUSR2');
  expect(await gateway.exited).toEqual({ code: 1, signal: null });
});
