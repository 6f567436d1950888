import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { providerAt } from '../support/gateway.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { until } from '../support/scene.ts';
import { type Line, startUpstream, type Upstream } from '../support/upstream.ts';
import { answer, textOf } from './upstream-scene.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const PIECE = 'x'.repeat(16 * KIB);

/** Answers without an end. */
async function flood(line: Line, bytesPerSecond: number): Promise<void> {
  line.startStream();
  while (!line.socket.destroyed) {
    line.text(PIECE);
    await delay((1000 * PIECE.length) / bytesPerSecond);
  }
}

interface Stage {
  readonly upstream: Upstream;
  readonly gateway: GatewayProcess;
  readonly client: DoorClient;
  /** Streams that have said a word, and say no more. */
  readonly waiting: readonly Line[];
}

const { complete, streamComplete } = LlmService.method;

/** A gateway with a heap of 64 MiB. What its provider does, the model's name says. */
async function setStage(bytesPerSecond: number): Promise<Stage> {
  const waiting: Line[] = [];
  const upstream = await startUpstream((line) => {
    if (line.request.body.includes('heavy')) return flood(line, bytesPerSecond);
    if (!line.request.body.includes('light')) return answer(line);
    line.startStream();
    line.text('light');
    waiting.push(line);
  });
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({
    env: { ...providerAt(upstream.url), NODE_OPTIONS: '--max-old-space-size=64' },
    file: JSON.stringify({ limits: { max_response_bytes: 1024 * MIB }, probes: { enabled: false } }),
  });
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  return { upstream, gateway, client, waiting };
}

const streams = ({ client }: Stage, model: string, count: number) =>
  Array.from({ length: count }, () => client.stream(streamComplete, helloRequest(`test/${model}`)));

async function expectAlive({ upstream, gateway, client }: Stage): Promise<void> {
  await until('calls to be taken again', async () => {
    return (await client.unary(complete, helloRequest('test/other'))).error === undefined;
  });
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  await until('no connection to the provider', () => upstream.open === 0);
}

describe('row 79: answers that are too much for the heap', () => {
  test('are ended, and the process lives on', async () => {
    const stage = await setStage(3 * MIB);
    const heavy = await Promise.all(streams(stage, 'heavy', 3));
    expect(stage.gateway.stderr()).not.toMatch(/FATAL|heap out of memory/);
    for (const { error } of heavy) expect(error).toMatchObject({ code: 8, errorInfo: { reason: 'OVERLOADED' } });
    await expectAlive(stage);
  }, 120_000);

  test('take none with them that hold next to nothing, however long it takes to clear away what they have left', async () => {
    const stage = await setStage(8 * MIB);
    const light = streams(stage, 'light', 20);
    await until('all light ones', () => stage.waiting.length === light.length);
    for (let round = 0; round < 2; round++) {
      await Promise.all(streams(stage, 'heavy', 3));
      await delay(1_500);
    }
    for (const line of stage.waiting) line.finish();
    const ends = (await Promise.all(light)).map(({ error, messages }) => error?.errorInfo?.reason ?? textOf(messages));
    expect(ends).toEqual(ends.map(() => 'light'));
    await expectAlive(stage);
  }, 120_000);
});
