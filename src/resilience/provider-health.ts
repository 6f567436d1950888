import { create } from '@bufbuild/protobuf';
import {
  BreakerState,
  HealthStatus,
  type ProbeResult,
  ProbeResultSchema,
  type ProviderHealth,
  ProviderHealthSchema,
  type TargetHealth,
  TargetHealthSchema,
} from '#gen/antiphon/v1/health_pb.js';
import { duration } from '../core/duration.ts';
import { type ErrorKind, errorRule } from '../core/errors.ts';
import type { Availability } from './availability.ts';
import { type OutcomeSummary, Outcomes } from './outcomes.ts';
import type { LastProbe } from './probe-state.ts';
import type { TargetState } from './target-state.ts';

type BreakerStateName = TargetState['breaker']['state'];

/** What is known of one model at a provider. */
export interface TargetReading {
  readonly model: string;
  readonly breaker: BreakerStateName;
  readonly availability: Availability;
  /** 0: it can be called now. */
  readonly retryInMs: number;
  readonly active: number;
  readonly outcomes: OutcomeSummary;
  /** The moving average of the time to the first token, or to the whole answer of calls that do not stream. */
  readonly ewmaMs: number | undefined;
}

/** What is known of one model now. Its outcomes are put together when they are looked at. */
export const readTarget = (state: TargetState): TargetReading => ({
  model: state.target.model,
  breaker: state.breaker.state,
  availability: state.availability(),
  retryInMs: state.retryInMs,
  active: state.active,
  get outcomes() {
    return Outcomes.summary([state.outcomes]);
  },
  ewmaMs: state.latency.ewmaMs,
});

/** A key that rests. `untilMs` is by the clock. */
export interface KeyReading {
  readonly name: string;
  readonly kind: ErrorKind;
  readonly untilMs: number;
}

/** What is known of a provider. */
export interface ProviderReading {
  readonly provider: string;
  readonly active: number;
  readonly queued: number;
  /** How many it has. */
  readonly keys: number;
  readonly keysAside: readonly KeyReading[];
  /** Those called lately. */
  readonly targets: readonly TargetReading[];
  /** Of all its models together: percentiles of parts cannot be put together. */
  readonly outcomes: OutcomeSummary;
  /** Undefined: it is not probed. */
  readonly probe: { readonly works: boolean; readonly last: LastProbe | undefined } | undefined;
}

/** The worst of them are shown. */
const MAX_TARGETS = 100;

const { SERVING, DEGRADED, NOT_SERVING } = HealthStatus;

/** The state of a provider as the Health RPC tells it. `nowMs` is by the clock. */
export function providerHealth(reading: ProviderReading, nowMs: number): ProviderHealth {
  const { provider, active, queued, keys, keysAside, outcomes, probe } = reading;
  return create(ProviderHealthSchema, {
    provider,
    status: providerStatus(reading),
    activeCalls: active,
    keys,
    keysSetAside: keysAside.map(({ name, kind, untilMs }) => ({
      name,
      reason: errorRule(kind).reason,
      retryIn: duration(untilMs - nowMs),
    })),
    queuedCalls: queued,
    targets: shown(reading.targets).map(targetHealth),
    ...outcomesOf(outcomes),
    ...(outcomes.lastFailure && { lastErrorAge: duration(nowMs - outcomes.lastFailure.atMs) }),
    ...(probe?.last && { probe: probeResult(probe.last) }),
  });
}

/** The status alone: it costs little. */
export function providerStatus({
  probe,
  targets,
  keysAside,
}: Pick<ProviderReading, 'probe' | 'targets' | 'keysAside'>) {
  const statuses = targets.map(targetStatus);
  if (probe?.works === false) return NOT_SERVING;
  if (statuses.length > 0 && statuses.every((status) => status === NOT_SERVING)) return NOT_SERVING;
  // A rate limit is over soon, and says nothing of the provider's health.
  const needsCare = keysAside.some(({ kind }) => kind !== 'upstream_rate_limited');
  return needsCare || statuses.some((status) => status !== SERVING) ? DEGRADED : SERVING;
}

function targetStatus({ breaker, availability }: TargetReading): HealthStatus {
  if (breaker === 'open') return NOT_SERVING;
  return breaker === 'half_open' || availability === 'cooling' ? DEGRADED : SERVING;
}

const byModel = (one: TargetReading, other: TargetReading): number => (one.model < other.model ? -1 : 1);

function shown(targets: readonly TargetReading[]): readonly TargetReading[] {
  const inOrder = targets.toSorted(byModel);
  if (targets.length <= MAX_TARGETS) return inOrder;
  const worstFirst = inOrder.toSorted((one, other) => targetStatus(other) - targetStatus(one));
  return worstFirst.slice(0, MAX_TARGETS).sort(byModel);
}

const breakerStates: Readonly<Record<BreakerStateName, BreakerState>> = {
  closed: BreakerState.CLOSED,
  open: BreakerState.OPEN,
  half_open: BreakerState.HALF_OPEN,
};

function targetHealth(target: TargetReading): TargetHealth {
  const { model, breaker, retryInMs, active, outcomes, ewmaMs } = target;
  return create(TargetHealthSchema, {
    model,
    status: targetStatus(target),
    breaker: breakerStates[breaker],
    ...(retryInMs > 0 && { retryIn: duration(retryInMs) }),
    activeCalls: active,
    ...outcomesOf(outcomes),
    ...(ewmaMs !== undefined && { timeToFirstToken: duration(ewmaMs) }),
  });
}

const outcomesOf = ({ errorRate, p50Ms, p95Ms, lastFailure }: OutcomeSummary) => ({
  ...(errorRate !== undefined && { errorRate }),
  ...(p50Ms !== undefined && { latencyP50: duration(p50Ms) }),
  ...(p95Ms !== undefined && { latencyP95: duration(p95Ms) }),
  ...(lastFailure && { lastErrorReason: errorRule(lastFailure.kind).reason }),
});

const probeResult = ({ succeeded, reason, ageMs, durationMs }: LastProbe): ProbeResult =>
  create(ProbeResultSchema, {
    succeeded,
    ...(reason && { errorReason: errorRule(reason).reason }),
    age: duration(ageMs),
    duration: duration(durationMs),
  });
