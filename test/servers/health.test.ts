import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { Health, HealthCheckRequestSchema, type HealthCheckResponse } from '#gen/health/v1/health_pb.js';
import { HealthState, ServingStatus } from '../../src/servers/health.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import { openDoors, type TestDoors } from './scripted.ts';

const SERVICE = 'antiphon.v1.LlmService';
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
const { check, list, watch } = Health.method;

const ways: Record<string, (doors: TestDoors) => DoorClient> = {
  gRPC: ({ grpc }) => grpcClient(grpc.port),
  'gRPC on the HTTP port': ({ http }) => connectClient(http.port, { protocol: 'grpc' }),
  Connect: ({ http }) => connectClient(http.port),
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(way: string) {
  const doors = await openDoors();
  const client = ways[way]?.(doors);
  if (!client) throw new Error(way);
  closing.push(
    () => doors.close(),
    () => client.close(),
  );
  return { doors, client };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(2);
}

/** Watches a service; `seen` grows. */
function watching(client: DoorClient, service: string) {
  const seen: ServingStatus[] = [];
  const cancel = new AbortController();
  const onMessage = ({ status }: HealthCheckResponse) => void seen.push(status);
  const reply = client.stream(watch, { service }, { signal: cancel.signal, onMessage });
  return { seen, reply, cancel };
}

describe.each(Object.keys(ways))('over %s', (way) => {
  test.each(['', SERVICE])('service "%s" is checked', async (service) => {
    const { client, doors } = await open(way);
    expect((await client.unary(check, { service })).messages).toMatchObject([{ status: SERVING }]);
    doors.health.set(service, NOT_SERVING);
    expect((await client.unary(check, { service })).messages).toMatchObject([{ status: NOT_SERVING }]);
  });

  test('an unknown service is not found', async () => {
    const { client } = await open(way);
    expect((await client.unary(check, { service: 'x' })).error).toMatchObject({ code: 5 });
  });

  test('all services are listed', async () => {
    const { client } = await open(way);
    const { messages } = await client.unary(list, {});
    expect(messages).toMatchObject([{ statuses: { '': { status: SERVING }, [SERVICE]: { status: SERVING } } }]);
  });

  test('a watch tells each change once', async () => {
    const { client, doors } = await open(way);
    const { seen, reply, cancel } = watching(client, SERVICE);
    await until(() => seen.length === 1);
    doors.health.set(SERVICE, SERVING);
    doors.health.set('', NOT_SERVING);
    doors.health.set(SERVICE, NOT_SERVING);
    await until(() => seen.length === 2);
    doors.health.set(SERVICE, SERVING);
    await until(() => seen.length === 3);
    expect(seen).toEqual([SERVING, NOT_SERVING, SERVING]);
    cancel.abort();
    expect((await reply).error).toMatchObject({ code: 1 });
  });

  test('a watch of an unknown service stays open until it is known', async () => {
    const { client, doors } = await open(way);
    const { seen } = watching(client, 'later');
    await until(() => seen.length === 1);
    doors.health.set('later', SERVING);
    await until(() => seen.length === 2);
    expect(seen).toEqual([SERVICE_UNKNOWN, SERVING]);
  });

  test('a watch tells of the drain, ends with UNAVAILABLE, and does not hold it up', async () => {
    const { client, doors } = await open(way);
    const { seen, reply } = watching(client, SERVICE);
    await until(() => seen.length === 1);
    await doors.drain();
    expect((await reply).error).toMatchObject({ code: 14 });
    expect(seen).toEqual([SERVING, NOT_SERVING]);
  });
});

test('more than 100 services are too many for a list', async () => {
  const { client, doors } = await open('gRPC');
  for (let n = 0; n < 98; n++) doors.health.set(`service-${n}`, SERVING);
  const { messages } = await client.unary(list, {});
  expect(Object.keys(messages[0]?.statuses ?? {})).toHaveLength(100);
  doors.health.set('one-more', SERVING);
  expect((await client.unary(list, {})).error).toMatchObject({ code: 8 });
  expect((await client.unary(check, { service: 'one-more' })).messages).toMatchObject([{ status: SERVING }]);
});

test('once the gateway leaves, nothing serves again', () => {
  const state = new HealthState(['', 'a']);
  state.setAll(SERVING);
  state.leave();
  state.set('a', SERVING);
  state.set('new', SERVING);
  state.setAll(SERVING);
  state.remove('');
  expect(['', 'a', 'new'].map((service) => state.get(service))).toEqual([NOT_SERVING, NOT_SERVING, SERVICE_UNKNOWN]);
});

test('a watcher of a service that goes is told, and of one that did not change is not', async () => {
  const state = new HealthState(['']);
  const cancel = new AbortController();
  const changes = state.watch(create(HealthCheckRequestSchema, { service: 'a' }), { signal: cancel.signal });
  const statuses: unknown[] = [];
  const seen = (async () => {
    for await (const { status } of changes) statuses.push(status);
  })();
  const steps = [
    () => state.set('a', SERVING),
    () => state.set('a', SERVING),
    () => state.remove('a'),
    () => state.remove('a'),
    () => state.set('a', NOT_SERVING),
  ];
  for (const step of steps) {
    await delay(0);
    step();
  }
  await delay(0);
  cancel.abort();
  await seen;
  expect(statuses).toEqual([SERVICE_UNKNOWN, SERVING, SERVICE_UNKNOWN, NOT_SERVING]);
});

test('a watcher that left is forgotten', async () => {
  const state = new HealthState(['']);
  const cancel = new AbortController();
  const changes = state.watch(create(HealthCheckRequestSchema), { signal: cancel.signal });
  expect((await changes.next()).value).toMatchObject({ status: NOT_SERVING });
  const next = changes.next();
  cancel.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('a defect in a plain service is internal, and says nothing', async () => {
  const { doors } = await open('gRPC');
  doors.health.check = doors.health.list = () => {
    throw new Error('secret');
  };
  doors.health.watch = async function* () {
    yield await Promise.reject(new Error('secret'));
  };
  for (const way of Object.values(ways)) {
    const client = way(doors);
    const errors = [(await client.unary(check, {})).error, (await client.stream(watch, {})).error];
    expect(errors).toMatchObject([
      { code: 13, message: 'internal error' },
      { code: 13, message: 'internal error' },
    ]);
    client.close();
  }
});
