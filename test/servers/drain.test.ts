import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { GatewayError } from '../../src/core/errors.ts';
import { drain } from '../../src/servers/drain.ts';
import { HealthState, ServingStatus } from '../../src/servers/health.ts';
import { grpcClient } from '../support/doors.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hang, openDoors, scripted } from './scripted.ts';

/** Lets everything that can happen now happen. */
const turn = () => new Promise(setImmediate);

function setup() {
  const clock = fakeClock();
  const said: string[] = [];
  const closed = Promise.withResolvers<void>();
  let idle = Promise.withResolvers<void>();
  const health = new HealthState(['']);
  health.setAll(ServingStatus.SERVING);
  const door = {
    stop() {
      said.push('stop');
      return closed.promise;
    },
    destroyAll() {
      said.push('destroy');
      closed.resolve();
    },
  };
  const calls = {
    idle: () => idle.promise,
    abortAll: ({ kind }: GatewayError) => said.push(`abort ${kind}`),
  };
  const done = drain({ doors: [door], calls, health, clock, delayMs: 5_000, graceMs: 20_000 }).then(() => {
    said.push('done');
  });
  const finishCalls = () => {
    idle.resolve();
    idle = Promise.withResolvers();
    idle.resolve();
  };
  const advance = async (ms: number) => {
    clock.advance(ms);
    await turn();
  };
  return { said, health, closed, finishCalls, advance, done, clock };
}

describe('the order of a drain', () => {
  test('is: say so, wait, stop, wait, abort, wait, destroy', async () => {
    const { said, health, advance, done } = setup();
    expect(health.get('')).toBe(ServingStatus.NOT_SERVING);
    await advance(4_999);
    expect(said).toEqual([]);
    await advance(1);
    expect(said).toEqual(['stop']);
    await advance(19_999);
    expect(said).toEqual(['stop']);
    await advance(1);
    expect(said).toEqual(['stop', 'abort shutting_down']);
    await advance(1_000);
    expect(said).toEqual(['stop', 'abort shutting_down']);
    await advance(1_000);
    await done;
    expect(said).toEqual(['stop', 'abort shutting_down', 'destroy', 'done']);
  });

  test('ends early when calls and connections do', async () => {
    const { finishCalls, closed, advance, done, clock } = setup();
    await advance(5_000);
    finishCalls();
    closed.resolve();
    await done;
    expect(clock.pending).toBe(0);
  });
});

test('a call that comes during the delay is served, and a second drain is the first', async () => {
  const clock = fakeClock();
  const doors = await openDoors(scripted(), { drainDelayMs: 1_000 }, { clock });
  const client = grpcClient(doors.grpc.port);
  const drained = doors.drain();
  expect(doors.drain()).toBe(drained);
  expect((await client.unary(LlmService.method.health, {})).error).toBeUndefined();
  client.close();
  clock.advance(1_000);
  await drained;
});

test('close ends calls at once', async () => {
  const doors = await openDoors(scripted({ complete: (_request, inbound) => hang(inbound) }));
  const client = grpcClient(doors.grpc.port);
  const call = client.unary(LlmService.method.complete, {});
  while (doors.activeCalls() === 0) await turn();
  const closed = doors.close();
  expect((await call).error).toMatchObject({ code: 14, errorInfo: { reason: 'SHUTTING_DOWN' } });
  client.close();
  await closed;
});

test('a client that does not hang up is cut off', async () => {
  const doors = await openDoors();
  const sockets = [doors.grpc.port, doors.http.port].map((port) => connect(port, '127.0.0.1').resume());
  const closed = sockets.map((socket) => new Promise((resolve) => socket.on('error', resolve).on('close', resolve)));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  await turn();
  await doors.drain();
  await Promise.all(closed);
});
