import { randomUUID } from 'node:crypto';
import type { ProviderHealth } from '#gen/antiphon/v1/health_pb.js';
import type { Model } from '#gen/antiphon/v1/model_pb.js';
import type { AlertBook } from './alerts/book.ts';
import type { CallAlerts } from './alerts/call-alerts.ts';
import type { Catalogue } from './catalogue/catalogue.ts';
import { dayOf } from './catalogue/day.ts';
import { MAX_LISTED } from './catalogue/listed.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { Complete } from './core/complete.ts';
import type { ListedModel } from './core/listed-model.ts';
import { type Gateway, type GatewayParts, gateway } from './gateway.ts';
import { catalogueOf, directoryOf } from './inventory.ts';
import { Outcomes } from './resilience/outcomes.ts';
import { type ProviderReading, providerStatus, readTarget } from './resilience/provider-health.ts';
import type { ProviderStates } from './resilience/provider-states.ts';
import type { TargetState } from './resilience/target-state.ts';
import { liveModels } from './services/list-models.ts';
import type { Store } from './stores/store.ts';
import type { Log } from './telemetry/log.ts';

/** What stays when the configuration changes. */
export interface Lasting
  extends Pick<GatewayParts, 'redact' | 'record' | 'metrics' | 'tell' | 'memoryShare' | 'capture' | 'answers'> {
  readonly states: ProviderStates;
  readonly store: Store;
  readonly listings: Listings;
  readonly alertBook: Pick<AlertBook, 'newest'>;
  readonly callAlerts: Pick<CallAlerts, 'configure'>;
  readonly log: Log;
  readonly clock: Clock;
}

/** The list of models that each provider gave last, and where it was then. */
export type Listings = Map<
  string,
  { readonly place: string; readonly models: readonly ListedModel[]; readonly day: string }
>;

/** What a configuration becomes: all that is made anew when it changes. */
export interface Serving {
  readonly config: Config;
  readonly complete: Complete;
  /** Every model that may be named, in order, each with the state of its provider now. */
  readonly models: () => readonly Model[];
  /** What is known of each provider now. */
  readonly readings: () => readonly ProviderReading[];
  /** The state of each alone. */
  readonly statuses: () => readonly Pick<ProviderHealth, 'provider' | 'status'>[];
  readonly keyCounts: Gateway['keyCounts'];
  readonly asker: Gateway['asker'];
  readonly strain: Gateway['strain'];
  /** Another takes its place: it asks providers for nothing any more but what its calls want of them. */
  retire(): void;
  /** Breaks off what is under way with providers, and resolves when nothing is open any more. */
  close(): Promise<void>;
}

export function serving(config: Config, lasting: Lasting): Serving {
  const { states, log, clock } = lasting;
  const known = catalogueOf(config);
  recall(config, known, lasting.listings);
  const models = directoryOf(config, clock, known);
  const path = gateway({
    ...lasting,
    ledgers: lasting.store,
    config,
    models,
    listings: listingNews(config, known, lasting),
    keyAside: keyAside(log, clock),
    newId: randomUUID,
  });
  const readings = () => config.providers.map((provider) => reading(provider, path, states));
  const statuses = () => readings().map((each) => ({ provider: each.provider, status: providerStatus(each) }));
  return {
    config,
    complete: path.complete,
    models: liveModels(models.list, statuses),
    readings,
    statuses,
    keyCounts: path.keyCounts,
    asker: path.asker,
    strain: path.strain,
    retire: path.retire,
    close: path.close,
  };
}

function reading({ name, keys }: Config['providers'][number], path: Gateway, states: ProviderStates): ProviderReading {
  const known = states.targets.at(name);
  const state = states.of(name);
  return {
    provider: name,
    active: state?.turns.active ?? 0,
    queued: state?.turns.queued ?? 0,
    keys: keys.length,
    keysAside: path.keysAside(name),
    targets: known.filter(isOfInterest).map(readTarget),
    // There may be a thousand models: what is only asked for the state is spared the percentiles.
    get outcomes() {
      return Outcomes.summary(known.map(({ outcomes }) => outcomes));
    },
    probe: state?.probe,
  };
}

/** What happened to a model that nobody has called for a while says nothing of now. */
const isOfInterest = ({ active, retryInMs, outcomes }: TargetState): boolean =>
  active > 0 || retryInMs > 0 || outcomes.calls > 0;

/** Tells the operator that a key has to be looked after. A rate limit needs nobody. */
const keyAside =
  (log: Log, clock: Clock): GatewayParts['keyAside'] =>
  (provider, { name, kind, untilMs }) => {
    if (kind === 'upstream_rate_limited') return;
    const retry_in_ms = Math.round(untilMs - clock.now());
    log.warn({ provider, key: name, error_reason: kind.toUpperCase(), retry_in_ms }, 'key set aside');
  };

/** What a provider lists wins over what is built in. What it does not list stays as it was. */
function listingNews({ providers }: Config, known: Catalogue, lasting: Lasting): NonNullable<GatewayParts['listings']> {
  const { listings, log, clock } = lasting;
  const places = new Map(providers.map((provider) => [provider.name, placeOf(provider)]));
  return {
    learn(provider, models) {
      const day = dayOf(clock.wallMs());
      known.learn(provider, models, day);
      listings.set(provider, { place: places.get(provider) ?? '', models: models.slice(0, MAX_LISTED), day });
    },
    failed: (provider, { kind }) =>
      log.warn({ provider, error_reason: kind.toUpperCase() }, 'the list of models could not be read'),
  };
}

/** Without this, what only a list tells would be unknown after each reload, until the list has been read again. */
function recall({ providers, catalogue: { refreshMs } }: Config, known: Catalogue, listings: Listings): void {
  const places = new Map(
    refreshMs === undefined ? [] : providers.map((provider) => [provider.name, placeOf(provider)]),
  );
  for (const [provider, { place, models, day }] of listings)
    if (places.get(provider) === place) known.learn(provider, models, day);
    else listings.delete(provider);
}

const placeOf = ({ kind, baseUrl }: Config['providers'][number]): string => `${kind} ${baseUrl?.href}`;
