import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ListProvidersRequestSchema, TestProviderRequestSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { HealthStatus, ProviderHealthSchema } from '#gen/antiphon/v1/health_pb.js';
import { type ErrorKind, errorKinds, errorRule, GatewayError, toGatewayError } from '../../../src/core/errors.ts';
import { type KnownProvider, type ProvidersParts, providersAdmin } from '../../../src/services/admin/providers.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { inboundOf } from '../../support/requests.ts';

const known = (name: string, address?: string): KnownProvider => ({
  name,
  kind: 'openai_compatible',
  baseUrl: address === undefined ? undefined : new URL(address),
  keyNames: ['KEY_A'],
  models: 3,
  health: create(ProviderHealthSchema, { provider: name, status: HealthStatus.DEGRADED }),
});

function scene(parts: Partial<ProvidersParts> = {}) {
  const clock = fakeClock();
  const admin = providersAdmin({ on: () => [], off: () => [], ask: async () => 'answered', clock, ...parts });
  return {
    clock,
    list: () => admin.listProviders(create(ListProvidersRequestSchema), inboundOf()),
    test: (provider: string, signal = new AbortController().signal) =>
      admin.testProvider(create(TestProviderRequestSchema, { provider }), inboundOf({ signal })),
  };
}

describe('ListProviders', () => {
  it('gives them by name, with their state', async () => {
    const { list } = scene({ on: () => [known('b'), known('a')], off: () => ['d', 'c'] });
    const { providers, off } = await list();
    expect([providers.map(({ name }) => name), off]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(providers[0]).toMatchObject({
      kind: 'openai_compatible',
      host: '',
      keys: ['KEY_A'],
      models: 3,
      health: { provider: 'a', status: HealthStatus.DEGRADED },
    });
  });

  it.each([
    ['https://api.example.com/v1', 'api.example.com:443'],
    ['http://api.example.com', 'api.example.com:80'],
    ['http://[::1]:8000/v1', '[::1]:8000'],
    ['https://canary:canary@api.example.com:8443/canary?canary=1#canary', 'api.example.com:8443'],
  ])('of the address %s gives %s only', async (address, host) => {
    const { providers } = await scene({ on: () => [known('a', address)] }).list();
    expect(providers.map((each) => each.host)).toEqual([host]);
  });
});

describe('TestProvider', () => {
  it('tells that a provider answered, and how long that took', async () => {
    const { clock, test } = scene({
      async ask() {
        clock.advance(1_500);
        return 'answered';
      },
    });
    expect(await test('a')).toMatchObject({
      succeeded: true,
      errorReason: ErrorReason.UNSPECIFIED,
      message: '',
      duration: { seconds: 1n, nanos: 500_000_000 },
    });
  });

  const failures = errorKinds.filter((kind) => kind.startsWith('upstream_'));

  it.each(failures)('a provider that fails with %s is no error of the call', async (kind) => {
    const { test } = scene({ ask: () => Promise.reject(new GatewayError(kind, 'It failed so.')) });
    expect(await test('a')).toMatchObject({
      succeeded: false,
      errorReason: errorRule(kind).reason,
      message: 'It failed so.',
    });
  });

  it.each<['unknown' | 'nothing_to_ask', ErrorKind]>([
    ['unknown', 'not_found'],
    ['nothing_to_ask', 'failed_precondition'],
  ])('%s is the error %s', async (asked, kind) => {
    await expect(scene({ ask: async () => asked }).test('a')).rejects.toMatchObject({ kind });
  });

  it('ends with the call', async () => {
    const abort = new AbortController();
    const { test } = scene({
      ask: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const tested = test('a', abort.signal);
    abort.abort(new GatewayError('cancelled', 'Gone.'));
    await expect(tested).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('a defect is not taken for a failure of the provider', async () => {
    const { test } = scene({ ask: () => Promise.reject(new TypeError('canary')) });
    expect(toGatewayError(await test('a').catch((thrown: unknown) => thrown)).kind).toBe('internal');
  });
});
