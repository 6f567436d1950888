import type { AlertKind, Crossing } from '../core/alert.ts';
import type { Clock } from '../core/clock.ts';
import type { Limit, LimitUnit, Subject } from '../core/limits.ts';
import type { News } from '../core/news.ts';
import { ALL_CALLS } from './call-alerts.ts';

/** An alert, as it is kept. */
export interface KeptAlert extends Crossing {
  /** In milliseconds since 1970. */
  readonly atMs: number;
  /** What has happened, in a sentence. */
  readonly message: string;
}

const MOST_KEPT = 1_000;

/** The last 1,000 alerts of this process. */
export class AlertBook {
  readonly #clock: Pick<Clock, 'wallMs'>;
  /** The oldest first. */
  readonly #kept: KeptAlert[] = [];

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  /** Keeps what is an alert. */
  readonly tell = (news: News): void => {
    if (news.type === 'alert') {
      const { kind, subject, value, threshold } = news;
      this.#keep({ kind, subject, value, threshold }, sentences[kind](value, threshold));
    } else if (news.type === 'limit_alert') {
      const { subject, limit, share } = news;
      this.#keep({ kind: 'limit', subject: nameOf(subject), value: share, threshold: share }, used(share, limit));
    }
  };

  /** At most so many, the newest first. */
  newest(most: number): readonly KeptAlert[] {
    return most < 1 ? [] : this.#kept.slice(-most).toReversed();
  }

  #keep(crossing: Crossing, message: string): void {
    this.#kept.push({ ...crossing, message, atMs: this.#clock.wallMs() });
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
const percent = (share: number): string => `${rounded(share * 100)} %`;

const sentences: Readonly<Record<Exclude<AlertKind, 'limit'>, (value: number, threshold: number) => string>> = {
  error_rate: (value, threshold) => `${percent(value)} of the calls fail: ${percent(threshold)} or more are told.`,
  latency: (value, threshold) =>
    `5 % of the calls take ${rounded(value)} ms or longer: ${rounded(threshold)} ms or more are told.`,
  cost: (value, threshold) =>
    `The last hour cost ${rounded(value)} US dollars: ${rounded(threshold)} or more are told.`,
};

function nameOf({ kind, name }: Subject): string {
  if (kind === 'all') return ALL_CALLS;
  return kind === 'model' ? name : `${kind} ${name}`;
}

const units: Readonly<Record<LimitUnit, string>> = { requests: 'calls', tokens: 'tokens', nano_usd: 'US dollars' };

function used(share: number, { unit, window, amount }: Limit): string {
  const most = unit === 'nano_usd' ? rounded(amount / 1e9) : amount;
  return `${percent(share)} of ${most} ${units[unit]} per ${window} are used up.`;
}
