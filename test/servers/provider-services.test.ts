import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { Health } from '#gen/health/v1/health_pb.js';
import { HealthState, ServingStatus } from '../../src/servers/health.ts';
import { followProviders, providerService } from '../../src/servers/provider-services.ts';
import { grpcClient } from '../support/doors.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { openDoors } from './scripted.ts';

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
const { check, watch } = Health.method;

type Statuses = Readonly<Record<string, HealthStatus>>;

const providersOf = (statuses: Statuses) =>
  Object.entries(statuses).map(([provider, status]) => ({ provider, status }));

/** Follows what `now` holds. */
function follow(initial: Statuses) {
  const clock = fakeClock();
  const state = new HealthState(['']);
  state.setAll(SERVING);
  const seen = { statuses: initial, reads: 0, defect: undefined as Error | undefined, failures: [] as unknown[] };
  const read = () => {
    seen.reads++;
    if (seen.defect) throw seen.defect;
    return providersOf(seen.statuses);
  };
  const following = followProviders(state, read, clock, (thrown) => seen.failures.push(thrown));
  return { clock, state, seen, following, of: (provider: string) => state.get(providerService(provider)) };
}

describe('the service of a provider', () => {
  test.each([
    [HealthStatus.SERVING, SERVING],
    [HealthStatus.DEGRADED, SERVING],
    [HealthStatus.UNSPECIFIED, SERVING],
    [HealthStatus.NOT_SERVING, NOT_SERVING],
  ])('with the status %i is %i', (status, expected) => {
    const { state, following } = follow({ openai: status });
    expect(state.get('antiphon.provider.openai')).toBe(expected);
    following.close();
  });

  test('is looked at once a second', () => {
    const { clock, seen, of, following } = follow({ openai: HealthStatus.SERVING });
    seen.statuses = { openai: HealthStatus.NOT_SERVING };
    clock.advance(999);
    expect([of('openai'), seen.reads]).toEqual([SERVING, 1]);
    clock.advance(1);
    expect([of('openai'), seen.reads]).toEqual([NOT_SERVING, 2]);
    seen.statuses = { openai: HealthStatus.DEGRADED };
    clock.advance(1_000);
    expect([of('openai'), seen.reads]).toEqual([SERVING, 3]);
    following.close();
    clock.advance(10_000);
    expect([seen.reads, clock.pending]).toEqual([3, 0]);
  });

  test('comes and goes with it', () => {
    const { clock, seen, of, following } = follow({ openai: HealthStatus.SERVING });
    seen.statuses = { local: HealthStatus.SERVING };
    clock.advance(1_000);
    expect([of('openai'), of('local')]).toEqual([SERVICE_UNKNOWN, SERVING]);
    following.close();
  });

  test('stays as it was while its state cannot be read, and that is told once', () => {
    const { clock, seen, of, following } = follow({ openai: HealthStatus.SERVING });
    const defect = new Error('a defect');
    seen.defect = defect;
    clock.advance(5_000);
    expect([of('openai'), seen.reads, seen.failures]).toEqual([SERVING, 6, [defect]]);
    seen.defect = undefined;
    seen.statuses = { openai: HealthStatus.NOT_SERVING };
    clock.advance(1_000);
    expect([of('openai'), seen.failures.length]).toEqual([NOT_SERVING, 1]);
    seen.defect = defect;
    clock.advance(1_000);
    expect([of('openai'), seen.failures.length]).toEqual([NOT_SERVING, 2]);
    following.close();
    expect(clock.pending).toBe(0);
  });

  test('can be closed when it never could be read', () => {
    const clock = fakeClock();
    const defect = () => {
      throw new Error('a defect');
    };
    const following = followProviders(new HealthState(['']), defect, clock, () => undefined);
    following.close();
    expect(clock.pending).toBe(0);
  });

  test('says nothing of the gateway as a whole', () => {
    const { state, following } = follow({ openai: HealthStatus.NOT_SERVING });
    expect(state.get('')).toBe(SERVING);
    following.close();
  });

  test('does not serve again once the gateway leaves', () => {
    const { clock, state, of, following } = follow({ openai: HealthStatus.SERVING });
    state.leave();
    clock.advance(5_000);
    expect(of('openai')).toBe(NOT_SERVING);
    following.close();
  });
});

describe('at the doors', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function open(statuses: Statuses) {
    const clock = fakeClock();
    const now = { statuses };
    const providers = () => providersOf(now.statuses);
    const doors = await openDoors(undefined, { drainDelayMs: 5_000 }, { clock, providers });
    const client = grpcClient(doors.grpc.port);
    closing.push(
      async () => {
        const timer = setInterval(() => clock.advance(1_000));
        await doors.close();
        clearInterval(timer);
      },
      () => client.close(),
    );
    const status = async (service: string) => (await client.unary(check, { service })).messages[0]?.status;
    return { clock, now, doors, client, status, url: `http://127.0.0.1:${doors.http.port}` };
  }

  test('a watch is told when a provider stops working, and when it works again', async () => {
    const { clock, now, client } = await open({ openai: HealthStatus.SERVING });
    const seen: unknown[] = [];
    const cancel = new AbortController();
    const onMessage = ({ status }: { status: unknown }) => void seen.push(status);
    const service = 'antiphon.provider.openai';
    const watching = client.stream(watch, { service }, { signal: cancel.signal, onMessage });
    for (const status of [HealthStatus.NOT_SERVING, HealthStatus.SERVING]) {
      const before = seen.length;
      while (seen.length === before) await delay(2);
      now.statuses = { openai: status };
      clock.advance(1_000);
    }
    while (seen.length < 3) await delay(2);
    cancel.abort();
    await watching;
    expect(seen).toEqual([SERVING, NOT_SERVING, SERVING]);
  });

  test('readiness and liveness do not depend on any provider', async () => {
    const { status, url } = await open({ openai: HealthStatus.NOT_SERVING, local: HealthStatus.NOT_SERVING });
    expect(await status('antiphon.provider.openai')).toBe(NOT_SERVING);
    expect(await status('')).toBe(SERVING);
    expect(await status('antiphon.v1.LlmService')).toBe(SERVING);
    const codes = ['/readyz', '/healthz'].map(async (path) => (await fetch(url + path)).status);
    expect(await Promise.all(codes)).toEqual([200, 200]);
  });

  test('a defect in reading their state is logged without its words, and is no end', async () => {
    const defect = () => {
      throw new TypeError('the prompt was: hello');
    };
    const doors = await openDoors(undefined, {}, { providers: defect });
    closing.push(() => doors.close());
    expect((await fetch(`http://127.0.0.1:${doors.http.port}/readyz`)).status).toBe(200);
    expect(doors.logged).toMatchObject([{ fields: { error: { name: 'TypeError' } } }]);
    expect(JSON.stringify(doors.logged)).not.toContain('prompt');
  });

  test('while the gateway drains, none serves, whatever happens to it', async () => {
    const { clock, now, doors, status } = await open({ openai: HealthStatus.NOT_SERVING });
    const drained = doors.drain();
    now.statuses = { openai: HealthStatus.SERVING };
    clock.advance(2_000);
    expect(await status('antiphon.provider.openai')).toBe(NOT_SERVING);
    clock.advance(3_000);
    const timer = setInterval(() => clock.advance(1_000));
    await drained;
    clearInterval(timer);
    expect(clock.pending).toBe(0);
  });
});
