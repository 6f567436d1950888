import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema, Priority } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorReply, grpcClient } from '../support/doors.ts';
import { providerAt } from '../support/gateway.ts';
import { spawnGateway } from '../support/process.ts';
import { until } from '../support/scene.ts';
import { startUpstream } from '../support/upstream.ts';
import { answer } from './upstream-scene.ts';

/** How long each turn of the event loop takes, in milliseconds. It goes on to the next whenever the process is told to. */
const TURNS_MS = [0, 180, 700, 0];

const STALLING = `
  const turns = ${JSON.stringify(TURNS_MS)};
  process.on('SIGUSR2', () => { turns.shift(); });
  const turn = () => {
    const end = performance.now() + turns[0];
    while (performance.now() < end);
    if (turns[0] > 0) setImmediate(turn);
    else setTimeout(turn, 20).unref();
  };
  turn();
`;

/** A timer of 100 ms is late by what is beyond that: a turn of 180 ms is past the first, and one of 700 ms the second. */
const file = JSON.stringify({
  shedding: { delay_ms: { low: 40, normal: 300, high: 60_000 } },
  probes: { enabled: false },
});

const { LOW, NORMAL, HIGH } = Priority;

const isShed = ({ error }: DoorReply<unknown>): boolean => error?.errorInfo?.reason === 'OVERLOADED';

test('row 78: when the event loop stalls, calls of low priority are refused first, and none when it runs again', async () => {
  const upstream = await startUpstream((line) => answer(line));
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({ env: providerAt(upstream.url), file, preload: STALLING });
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const ask = (priority: Priority) =>
    client.unary(
      LlmService.method.complete,
      create(CompleteRequestSchema, { ...helloRequest('test-model'), priority }),
    );
  const outcomes = async () => (await Promise.all([LOW, NORMAL, HIGH].map(ask))).map(isShed);
  const answered = () => upstream.received.length;

  expect(await outcomes()).toEqual([false, false, false]);
  expect(answered()).toBe(3);

  gateway.signal('SIGUSR2');
  await until('low priority to be refused', async () => isShed(await ask(LOW)));
  const before = answered();
  const { error } = await ask(LOW);
  expect(error).toMatchObject({ code: 8, errorInfo: { reason: 'OVERLOADED', domain: 'antiphon.v1' } });
  const waitMs = error?.retryInfo?.retryDelay && durationMs(error.retryInfo.retryDelay);
  expect(waitMs).toBeGreaterThanOrEqual(1_000);
  expect(waitMs).toBeLessThanOrEqual(3_000);
  expect(answered()).toBe(before);
  expect(await outcomes()).toEqual([true, false, false]);

  gateway.signal('SIGUSR2');
  await until('normal priority to be refused', async () => isShed(await ask(NORMAL)));
  expect(await outcomes()).toEqual([true, true, false]);
  expect(await gateway.metrics()).toMatch(/^llm_event_loop_delay_seconds 0\.[3-9]/m);

  gateway.signal('SIGUSR2');
  await until('low priority to be taken again', async () => !isShed(await ask(LOW)));
  expect(await outcomes()).toEqual([false, false, false]);

  const page = await gateway.metrics();
  for (const priority of ['low', 'normal'])
    expect(page).toMatch(
      new RegExp(`^llm_shed_total\\{[^}]*priority="${priority}"[^}]*cause="delay"[^}]*\\} [1-9]`, 'm'),
    );
  expect(page).toMatch(/^llm_shed_total\{[^}]*priority="high"[^}]*cause="delay"[^}]*\} 0$/m);
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  await until('no connection to the provider', () => upstream.open === 0);
}, 60_000);
