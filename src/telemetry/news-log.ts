import type { Clock } from '../core/clock.ts';
import type { ErrorKind } from '../core/errors.ts';
import type { News, ShadowComparison, Tell } from '../core/news.ts';
import type { LogFields, Logger } from './log.ts';

/** Tells several what is told to one. */
export const fanOut =
  (...tells: readonly Tell[]): Tell =>
  (news) => {
    for (const tell of tells) tell(news);
  };

/** What comes by the thousand has one line a second. */
const QUIET_MS = 1_000;

/** Writes what an operator wants to know of the way of calls. What each call met is on its own line. */
export function newsLog(log: Logger, clock: Pick<Clock, 'now'>): Tell {
  const limited = new LimitedLines(log, clock);
  return (news) => {
    switch (news.type) {
      case 'breaker':
        return tellBreaker(log, news);
      case 'probe':
        return tellProbe(log, news);
      case 'shadowed':
        return log.info(shadowFields(news.comparison), 'shadow');
      case 'shed':
        return limited.warn({ priority: news.priority, cause: news.cause }, 'calls refused: the gateway is overloaded');
      case 'queue_refused':
        return limited.warn({ provider: news.provider, cause: news.cause }, 'calls refused: no turn at the provider');
      case 'limit_alert':
        return tellLimit(log, news);
      case 'alert':
        return tellAlert(log, news);
      case 'limits_unchecked':
        return limited.warn({ cause: news.cause }, 'calls go on without limits: the store fails');
      case 'records_lost':
        return tellLost(log, news);
      case 'ended_for_memory':
        return log.error({}, 'a call under way was ended: memory is short');
    }
  };
}

type NewsOf<Type extends News['type']> = Extract<News, { type: Type }>;

function tellLimit(log: Logger, { subject, limit, share }: NewsOf<'limit_alert'>): void {
  const { unit, window, amount } = limit;
  const fields = { subject: subject.kind, name: subject.name, unit, window, limit: amount };
  log.warn({ ...fields, used_percent: Math.round(share * 100) }, 'a limit is nearly used up, or is');
}

function tellLost(log: Logger, { kind, count }: NewsOf<'records_lost'>): void {
  if (kind === 'usage') log.warn({ counts: count }, 'usage is lost: the store does not take it');
  else log.warn({ events: count }, 'audit events are lost: the store does not take them');
}

function tellAlert(log: Logger, { kind, subject, value, threshold }: NewsOf<'alert'>): void {
  log.warn({ kind, subject, value, threshold }, 'an alert: a threshold is reached');
}

/** At most one line a second for each message with the same fields. They are from closed sets, so that these are few. */
class LimitedLines {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #kinds = new Map<string, { quietUntilMs: number; untold: number }>();

  constructor(log: Pick<Logger, 'warn'>, clock: Pick<Clock, 'now'>) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Adds how many `calls` there were since the last such line. */
  warn(fields: LogFields, msg: string): void {
    const key = JSON.stringify([msg, fields]);
    const nowMs = this.#clock.now();
    const { quietUntilMs, untold } = this.#kinds.get(key) ?? { quietUntilMs: nowMs, untold: 0 };
    const calls = untold + 1;
    if (nowMs < quietUntilMs) {
      this.#kinds.set(key, { quietUntilMs, untold: calls });
    } else {
      this.#kinds.set(key, { quietUntilMs: nowMs + QUIET_MS, untold: 0 });
      this.#log.warn({ ...fields, calls }, msg);
    }
  }
}

const reasonOf = (kind: ErrorKind | undefined): string | undefined => kind?.toUpperCase();

function tellBreaker(log: Logger, { target, state, reason }: NewsOf<'breaker'>): void {
  const where = { provider: target.provider, model: target.model };
  if (state === 'open') log.warn({ ...where, error_reason: reasonOf(reason) }, 'breaker opened');
  else if (state === 'closed') log.info(where, 'breaker closed');
  else log.debug(where, 'breaker half open');
}

function tellProbe(log: Logger, { provider, works, reason }: NewsOf<'probe'>): void {
  if (works) log.info({ provider }, 'provider works again');
  else log.warn({ provider, error_reason: reasonOf(reason) }, 'provider does not work');
}

const shadowFields = (comparison: ShadowComparison): LogFields => ({
  provider: comparison.target.provider,
  model: comparison.target.model,
  shadow_provider: comparison.shadow.provider,
  shadow_model: comparison.shadow.model,
  shadow_error_reason: reasonOf(comparison.error),
  duration_ms: Math.round(comparison.durationMs),
  shadow_duration_ms: Math.round(comparison.shadowDurationMs),
  cost_nano_usd: comparison.costNanoUsd,
  shadow_cost_nano_usd: comparison.shadowCostNanoUsd,
  length: comparison.length,
  shadow_length: comparison.shadowLength,
  fits_schema: comparison.fitsSchema,
  shadow_fits_schema: comparison.shadowFitsSchema,
});
