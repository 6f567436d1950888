import { create } from '@bufbuild/protobuf';
import {
  type HealthResponse,
  HealthResponseSchema,
  HealthStatus,
  type ProviderHealth,
  StoreMode,
} from '#gen/antiphon/v1/health_pb.js';
import { duration } from '../core/duration.ts';

/** What is known of the gateway now. */
export interface GatewayState {
  /** Whether calls are accepted. */
  readonly serving: boolean;
  readonly version: string;
  readonly uptimeMs: number;
  readonly activeCalls: number;
  readonly providers: ProviderHealth[];
  readonly store: StoreState;
}

/** What is known of the store. */
export interface StoreState {
  readonly mode: 'memory' | 'file' | 'shared' | 'local';
  readonly failures: number;
  readonly pending: number;
}

const modes: Readonly<Record<StoreState['mode'], StoreMode>> = {
  memory: StoreMode.MEMORY,
  file: StoreMode.FILE,
  shared: StoreMode.SHARED,
  local: StoreMode.LOCAL,
};

const statusOf = ({ serving, store }: Pick<GatewayState, 'serving' | 'store'>): HealthStatus => {
  if (!serving) return HealthStatus.NOT_SERVING;
  return store.mode === 'local' ? HealthStatus.DEGRADED : HealthStatus.SERVING;
};

/** What the Health RPC and the page of that name answer. */
export const healthResponse = ({ serving, uptimeMs, store, ...state }: GatewayState): HealthResponse =>
  create(HealthResponseSchema, {
    status: statusOf({ serving, store }),
    uptime: duration(uptimeMs),
    ...state,
    store: {
      mode: modes[store.mode],
      localCacheAvailable: true,
      redisAvailable: store.mode === 'shared',
      redisFailureCount: BigInt(store.failures),
      pending: store.pending,
    },
  });
