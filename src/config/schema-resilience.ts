import { z } from 'zod';
import {
  defaultBreaker,
  defaultConcurrency,
  defaultProbes,
  defaultRetry,
  defaultShedding,
  type Thresholds,
} from '../resilience/settings.ts';
import { durationMs, flag, number, whole } from './fields.ts';

/** A share of no call would act on every one. */
const SMALLEST_SHARE = 0.01;

export const retrySchema = z
  .strictObject({
    max_retries: whole(0, 10, 'The most repeats at one model, if no other is left.').default(defaultRetry.maxRetries),
    before_fallback: whole(
      0,
      10,
      'The most repeats at one model while another one is left. Never more than max_retries.',
    ).default(defaultRetry.beforeFallback),
    base_ms: durationMs(
      1,
      'The n-th repeat waits from 0 to base_ms * 2^(n-1), by chance, if the provider asks for nothing else.',
    ).default(defaultRetry.baseMs),
    max_ms: durationMs(1, 'The longest such wait.').default(defaultRetry.maxMs),
    max_retry_after_ms: durationMs(
      0,
      'The longest wait that a provider may ask for. If it asks for more, nothing is repeated there.',
    ).default(defaultRetry.maxRetryAfterMs),
    budget_percent: whole(
      0,
      100,
      "The share of a provider's calls in flight that may be repeats and hedges, in percent.",
    ).default(defaultRetry.budgetPercent),
    budget_floor: whole(0, 1000, 'So many of them may be, however few calls are in flight.').default(
      defaultRetry.budgetFloor,
    ),
  })
  .meta({ title: 'Retry', description: 'How often a failed try is repeated at the same model.' });

export const breakerSchema = z
  .strictObject({
    enabled: flag('Leave models alone that keep failing.').default(defaultBreaker.enabled),
    consecutive_failures: whole(1, 1000, 'It opens after so many failures in a row.').default(
      defaultBreaker.consecutiveFailures,
    ),
    failure_rate: number(
      SMALLEST_SHARE,
      1,
      'It opens when this share of the calls in the window has failed, from 0.01 to 1.',
    ).default(defaultBreaker.failureRate),
    min_calls: whole(1, 1_000_000, 'Fewer calls in the window say nothing about a rate.').default(
      defaultBreaker.minCalls,
    ),
    window_ms: durationMs(1000, 'How far back the rate looks.').default(defaultBreaker.windowMs),
    open_ms: durationMs(1, 'How long it stays open the first time. Twice as long each time in a row.').default(
      defaultBreaker.openMs,
    ),
    max_open_ms: durationMs(1, 'The longest time it stays open.').default(defaultBreaker.maxOpenMs),
    probes: whole(
      1,
      100,
      'The most calls at once while it is half open. So many must succeed in a row for it to close.',
    ).default(defaultBreaker.probes),
  })
  .meta({ title: 'Breaker', description: 'When a model is left alone since calls to it keep failing.' });

const MOST_CALLS = 1_000_000;

export const maxConcurrency = (description: string) => whole(1, MOST_CALLS, description);

export const concurrencySchema = z
  .strictObject({
    max: maxConcurrency('The most calls at once with a provider that has no max_concurrency of its own.').default(
      defaultConcurrency.max,
    ),
    max_queued: whole(0, MOST_CALLS, 'The most calls that wait for their turn at a provider.').default(
      defaultConcurrency.maxQueued,
    ),
    max_wait_ms: durationMs(1, 'The longest such wait.').default(defaultConcurrency.maxWaitMs),
  })
  .meta({ title: 'Concurrency', description: 'How many calls may be with a provider at once, and how many may wait.' });

const thresholds = (at: (priority: string) => z.ZodNumber, { low, normal, high }: Thresholds) => ({
  low: at('low').default(low),
  normal: at('normal').default(normal),
  high: at('high').default(high),
});

const delay = (priority: string) => durationMs(1, `From this delay on, calls of ${priority} priority are refused.`);

const memory = (priority: string) =>
  number(SMALLEST_SHARE, 1, `From this share on, calls of ${priority} priority are refused.`);

export const sheddingSchema = z
  .strictObject({
    enabled: flag('Refuse calls when the process is short of time or memory.').default(defaultShedding.enabled),
    delay_ms: z
      .strictObject(thresholds(delay, defaultShedding.delayMs))
      .meta({ title: 'Delays', description: 'By how much the event loop is late, lastingly.' })
      .prefault({}),
    memory: z
      .strictObject({
        ...thresholds(memory, defaultShedding.memory),
        critical: number(SMALLEST_SHARE, 1, 'From this share on, the largest calls under way are ended.').default(
          defaultShedding.memoryCritical,
        ),
      })
      .meta({ title: 'Memory', description: 'The share of the memory that is in use, from 0.01 to 1.' })
      .prefault({}),
  })
  .meta({ title: 'Shedding', description: 'Which calls are refused when the process is short of time or memory.' });

export const probesSchema = z
  .strictObject({
    enabled: flag('Ask providers whether they work, without a call.').default(defaultProbes.everyMs !== undefined),
    every_ms: durationMs(1000, `How often. Unset: ${defaultProbes.everyMs?.toLocaleString('en-US')}.`).optional(),
    by: z
      .enum(['listing', 'completion'])
      .meta({
        description: 'What they are asked for: their list of models, which costs nothing, or one token of an answer.',
      })
      .default(defaultProbes.by),
    timeout_ms: durationMs(1, 'How long the answer may take.').default(defaultProbes.timeoutMs),
    failures: whole(1, 100, 'So many must fail in a row for a provider to count as not working.').default(
      defaultProbes.failures,
    ),
  })
  .meta({ title: 'Probes', description: 'How providers are asked whether they work.' });
