import { linkedAbort } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import { sleep } from '../../core/sleep.ts';
import type { ListedModel } from '../../providers/provider.ts';

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

/**
 * Reads the listings of providers again and again, in the background. What goes wrong is told, and tried again in the
 * next round. Replicas that start together do not ask together, since each waits a little more or less.
 */
export function startRefresh(options: RefreshOptions): { close(): Promise<void> } {
  const stop = new AbortController();
  const over = options.sources.length > 0 ? rounds(options, stop.signal) : Promise.resolve();
  return {
    /** Breaks off what is under way; resolves when nothing runs any more. */
    close() {
      stop.abort(new GatewayError('shutting_down', 'The gateway is shutting down.'));
      return over;
    },
  };
}

async function rounds(options: RefreshOptions, signal: AbortSignal): Promise<void> {
  const { sources, everyMs, clock } = options;
  const waited = (ms: number) =>
    sleep(ms * (0.9 + 0.2 * clock.random()), clock, signal).then(
      () => true,
      () => false,
    );
  for (let delayMs = FIRST_MS; await waited(delayMs); delayMs = everyMs) {
    await Promise.all(sources.map((source) => refresh(source, options, signal)));
  }
}

async function refresh({ provider, read }: ListingSource, { news, clock }: RefreshOptions, signal: AbortSignal) {
  const abort = linkedAbort(signal);
  const timer = clock.after(MAX_READ_MS, () => abort.abort(tooSlow()));
  try {
    const models = await read(abort.signal);
    // An empty list is no news: what is not a listing looks like that.
    if (models.length > 0) news.learn(provider, models);
    else news.failed(provider, empty());
  } catch (thrown) {
    if (!signal.aborted) news.failed(provider, toGatewayError(thrown));
  } finally {
    timer.cancel();
    abort.release();
  }
}

const tooSlow = () => new GatewayError('upstream_timeout', "The provider's list of models did not come in time.");

const empty = () => new GatewayError('upstream_bad_response', "The provider's list of models is empty.");
