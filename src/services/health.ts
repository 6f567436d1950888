import { create } from '@bufbuild/protobuf';
import {
  type HealthResponse,
  HealthResponseSchema,
  HealthStatus,
  type ProviderHealth,
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
}

/** What the Health RPC and the page of that name answer. */
export const healthResponse = ({ serving, uptimeMs, ...state }: GatewayState): HealthResponse =>
  create(HealthResponseSchema, {
    status: serving ? HealthStatus.SERVING : HealthStatus.NOT_SERVING,
    uptime: duration(uptimeMs),
    ...state,
  });
