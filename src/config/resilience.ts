import { defaultProbes, type Thresholds } from '../resilience/settings.ts';
import type { Config } from './config.ts';
import type { FileConfig } from './schema.ts';

type Resilience = Pick<Config, 'retry' | 'breaker' | 'concurrency' | 'shedding' | 'probes'>;

/** The parts of the file about failing and overload, in the words of those who act on them. */
export const resilienceOf = (config: FileConfig): Resilience => ({
  retry: retryOf(config),
  breaker: breakerOf(config),
  concurrency: {
    max: config.concurrency.max,
    maxQueued: config.concurrency.max_queued,
    maxWaitMs: config.concurrency.max_wait_ms,
  },
  shedding: sheddingOf(config),
  probes: probesOf(config),
});

const retryOf = ({ retry }: FileConfig): Resilience['retry'] => ({
  maxRetries: retry.max_retries,
  beforeFallback: Math.min(retry.before_fallback, retry.max_retries),
  baseMs: retry.base_ms,
  maxMs: retry.max_ms,
  maxRetryAfterMs: retry.max_retry_after_ms,
  budgetPercent: retry.budget_percent,
  budgetFloor: retry.budget_floor,
});

const breakerOf = ({ breaker }: FileConfig): Resilience['breaker'] => ({
  enabled: breaker.enabled,
  consecutiveFailures: breaker.consecutive_failures,
  failureRate: breaker.failure_rate,
  minCalls: breaker.min_calls,
  windowMs: breaker.window_ms,
  openMs: breaker.open_ms,
  maxOpenMs: breaker.max_open_ms,
  probes: breaker.probes,
});

const thresholds = ({ low, normal, high }: Thresholds): Thresholds => ({ low, normal, high });

const sheddingOf = ({ shedding }: FileConfig): Resilience['shedding'] => ({
  enabled: shedding.enabled,
  delayMs: thresholds(shedding.delay_ms),
  memory: thresholds(shedding.memory),
  memoryCritical: shedding.memory.critical,
});

const probesOf = ({ probes }: FileConfig): Resilience['probes'] => ({
  everyMs: probes.enabled ? everyMs(probes) : undefined,
  by: probes.by,
  timeoutMs: probes.timeout_ms,
  failures: probes.failures,
});

const everyMs = ({ every_ms }: FileConfig['probes']): number | undefined => every_ms ?? defaultProbes.everyMs;
