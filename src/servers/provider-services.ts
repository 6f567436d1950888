import { HealthStatus, type ProviderHealth } from '#gen/antiphon/v1/health_pb.js';
import type { Clock, Timer } from '../core/clock.ts';
import { type HealthState, ServingStatus } from './health.ts';

/** What `grpc.health.v1` calls a provider. */
export const providerService = (provider: string): string => `antiphon.provider.${provider}`;

const EVERY_MS = 1_000;

/**
 * Keeps a service of `grpc.health.v1` for each provider as its state is: now, and once a second from then on. One that
 * is degraded still serves. The gateway as a whole does not depend on any of them: if `read` throws, all stay as they
 * were, `failed` is told the first time of several in a row, and it is read again a second later.
 *
 * Call `close` when the state is over.
 */
export function followProviders(
  state: Pick<HealthState, 'set' | 'remove'>,
  read: () => readonly Pick<ProviderHealth, 'provider' | 'status'>[],
  clock: Pick<Clock, 'after'>,
  failed: (thrown: unknown) => void,
): { close(): void } {
  let known: ReadonlySet<string> = new Set();
  let isFailing = false;
  let timer: Timer;
  const take = () => {
    const now = new Set<string>();
    for (const { provider, status } of read()) {
      const service = providerService(provider);
      now.add(service);
      state.set(service, status === HealthStatus.NOT_SERVING ? ServingStatus.NOT_SERVING : ServingStatus.SERVING);
    }
    for (const service of known) if (!now.has(service)) state.remove(service);
    known = now;
  };
  const look = () => {
    timer = clock.after(EVERY_MS, look);
    try {
      take();
      isFailing = false;
    } catch (thrown) {
      if (!isFailing) failed(thrown);
      isFailing = true;
    }
  };
  look();
  return { close: () => timer.cancel() };
}
