import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  type HealthListResponse,
  HealthListResponseSchema,
} from '#gen/health/v1/health_pb.js';
import { type PlainContext, type PlainService, plainService, stopping } from './plain.ts';

export const ServingStatus = HealthCheckResponse_ServingStatus;
export type ServingStatus = HealthCheckResponse_ServingStatus;

/** Source: https://github.com/grpc/proposal/blob/master/A90-health-service-list-method.md (2026-11-21). */
const MAX_LISTED = 100;

const answer = (status: ServingStatus): HealthCheckResponse => create(HealthCheckResponseSchema, { status });

/** The state of each service, for everyone who asks: `grpc.health.v1` on both doors, and `/readyz`. */
export class HealthState {
  readonly #statuses: Map<string, ServingStatus>;
  readonly #watchers = new Set<() => void>();
  #leaving = false;
  #closed = false;

  /** "" stands for the gateway as a whole. All begin as NOT_SERVING. */
  constructor(services: readonly string[]) {
    this.#statuses = new Map(services.map((service) => [service, ServingStatus.NOT_SERVING]));
  }

  /** SERVICE_UNKNOWN if there is no such service. */
  get(service: string): ServingStatus {
    return this.#statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
  }

  /** A service that is not there yet is added. */
  set(service: string, status: ServingStatus): void {
    if (this.#leaving || this.#statuses.get(service) === status) return;
    this.#statuses.set(service, status);
    this.#wakeAll();
  }

  setAll(status: ServingStatus): void {
    for (const service of this.#statuses.keys()) this.set(service, status);
  }

  /** From now on there is no such service. */
  remove(service: string): void {
    if (!this.#leaving && this.#statuses.delete(service)) this.#wakeAll();
  }

  /** All are NOT_SERVING from now on, whatever is set: the gateway stops. */
  leave(): void {
    this.setAll(ServingStatus.NOT_SERVING);
    this.#leaving = true;
  }

  /** Ends every watch with UNAVAILABLE: an open one would keep its connection, and so the process, alive. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  check({ service }: HealthCheckRequest): HealthCheckResponse {
    const status = this.get(service);
    if (status === ServingStatus.SERVICE_UNKNOWN) throw new ConnectError('There is no such service.', Code.NotFound);
    return answer(status);
  }

  /** Errors: RESOURCE_EXHAUSTED if there are more than 100 services. */
  list(): HealthListResponse {
    if (this.#statuses.size > MAX_LISTED)
      throw new ConnectError('There are more than 100 services. Check one by its name.', Code.ResourceExhausted);
    const statuses = Object.fromEntries([...this.#statuses].map(([service, status]) => [service, answer(status)]));
    return create(HealthListResponseSchema, { statuses });
  }

  /** The status now, and again whenever it changes. Stays open for an unknown service, which may yet come. */
  async *watch({ service }: HealthCheckRequest, { signal }: PlainContext): AsyncGenerator<HealthCheckResponse> {
    let told: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.get(service);
      if (status !== told) {
        told = status;
        yield answer(status);
      } else if (this.#closed) {
        throw stopping();
      } else {
        await this.#change(signal);
      }
    }
  }

  /** Resolves at the next change, or when the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#watchers) wake();
  }
}

/** `grpc.health.v1.Health` over a state. */
export function healthService(state: HealthState): PlainService {
  return plainService(Health, {
    check: (request) => state.check(request),
    list: () => state.list(),
    watch: (request, context) => state.watch(request, context),
  });
}
