import { create, fromJsonString } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { type HealthResponse, HealthResponseSchema, HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { duration } from '../../src/core/duration.ts';
import { openDoors } from './scripted.ts';

const { SERVING, DEGRADED, NOT_SERVING } = HealthStatus;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const state = (status = SERVING): HealthResponse =>
  create(HealthResponseSchema, {
    status,
    version: '1.2.3',
    uptime: duration(1_500),
    activeCalls: 2,
    providers: [{ provider: 'openai', status: NOT_SERVING, errorRate: 0.5 }],
  });

async function open(health?: () => HealthResponse) {
  const doors = await openDoors(undefined, {}, health ? { health } : {});
  closing.push(() => doors.close());
  return { doors, url: `http://127.0.0.1:${doors.http.port}/health` };
}

describe('/health', () => {
  test('is what the Health RPC answers, in JSON', async () => {
    const { url } = await open(state);
    const reply = await fetch(`${url}?pretty`);
    expect(reply.headers.get('content-type')).toBe('application/json');
    const text = await reply.text();
    expect(JSON.parse(text)).toEqual({
      status: 'HEALTH_STATUS_SERVING',
      version: '1.2.3',
      uptime: '1.500s',
      activeCalls: 2,
      providers: [{ provider: 'openai', status: 'HEALTH_STATUS_NOT_SERVING', errorRate: 0.5 }],
    });
    expect(fromJsonString(HealthResponseSchema, text)).toEqual(state());
  });

  test.each([
    [SERVING, 200],
    [DEGRADED, 200],
    [NOT_SERVING, 503],
  ])('with the status %i answers %i', async (status, code) => {
    const { url } = await open(() => state(status));
    for (const method of ['GET', 'HEAD']) expect((await fetch(url, { method })).status).toBe(code);
  });

  test('has no body for HEAD, and is for reading only', async () => {
    const { url } = await open(state);
    const head = await fetch(url, { method: 'HEAD' });
    expect([await head.text(), Number(head.headers.get('content-length')) > 100]).toEqual(['', true]);
    const post = await fetch(url, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('is no call: it is neither counted nor traced', async () => {
    const { url, doors } = await open(state);
    await fetch(url);
    expect(doors.tracing.calls).toEqual([]);
    expect(doors.activeCalls()).toBe(0);
  });

  test('is the only path of its kind, and not there if nobody answers', async () => {
    const { url } = await open(state);
    expect((await fetch(`${url}/x`)).status).toBe(404);
    const { url: without } = await open();
    expect((await fetch(without)).status).toBe(404);
  });
});
