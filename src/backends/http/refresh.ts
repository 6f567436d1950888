import type { Clock } from '../../core/clock.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import { type Rounds, startRounds, within } from './rounds.ts';

/** A provider that lists its models. */
export interface ListingSource {
  /** The name under which it is configured. */
  readonly provider: string;
  /** Aborts: rejects with the signal's reason. */
  readonly read: (signal: AbortSignal) => Promise<readonly ListedModel[]>;
}

/** What becomes of a listing. */
export interface ListingNews {
  learn(provider: string, models: readonly ListedModel[]): void;
  /** Nothing has been learnt of this provider this time. */
  failed(provider: string, error: GatewayError): void;
}

export interface RefreshOptions {
  readonly sources: readonly ListingSource[];
  /** From the end of one round to the beginning of the next, in milliseconds; a tenth more or less, by chance. */
  readonly everyMs: number;
  readonly news: ListingNews;
  readonly clock: Clock;
}

/** After the start, so that it does not compete with the first calls. */
const FIRST_MS = 2_000;
/** For one provider's listing, all of its pages. */
const MAX_READ_MS = 30_000;

/** Reads the listings of providers again and again. What goes wrong is told, and tried again in the next round. */
export function startRefresh(options: RefreshOptions): Rounds {
  const { sources, everyMs, clock } = options;
  if (sources.length === 0) return { close: () => Promise.resolve() };
  const round = (signal: AbortSignal) => Promise.all(sources.map((source) => refresh(source, options, signal)));
  return startRounds({ firstMs: FIRST_MS, everyMs, clock, round });
}

async function refresh({ provider, read }: ListingSource, { news, clock }: RefreshOptions, signal: AbortSignal) {
  try {
    const models = await within(MAX_READ_MS, tooSlow(), { clock, signal }, read);
    // An empty list is no news: what is not a listing looks like that.
    if (models.length > 0) news.learn(provider, models);
    else news.failed(provider, empty());
  } catch (thrown) {
    if (!signal.aborted) news.failed(provider, toGatewayError(thrown));
  }
}

const tooSlow = () => new GatewayError('upstream_timeout', "The provider's list of models did not come in time.");

const empty = () => new GatewayError('upstream_bad_response', "The provider's list of models is empty.");
