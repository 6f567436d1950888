import { randomUUID } from 'node:crypto';
import type { Model } from '#gen/antiphon/v1/model_pb.js';
import type { Catalogue } from './catalogue/catalogue.ts';
import { dayOf } from './catalogue/day.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { Complete } from './core/complete.ts';
import { type Gateway, type GatewayParts, gateway } from './gateway.ts';
import { catalogueOf, directoryOf } from './inventory.ts';
import { Outcomes } from './resilience/outcomes.ts';
import { type ProviderReading, providerStatus, readTarget, type TargetReading } from './resilience/provider-health.ts';
import type { ProviderStates } from './resilience/provider-states.ts';
import { liveModels } from './services/list-models.ts';
import type { Log } from './telemetry/log.ts';

/** What stays when the configuration changes. */
export interface Lasting extends Pick<GatewayParts, 'redact' | 'record' | 'metrics' | 'tell' | 'memoryShare'> {
  readonly states: ProviderStates;
  readonly log: Log;
  readonly clock: Clock;
}

/** What a configuration becomes: all that is made anew when it changes. */
export interface Serving {
  readonly config: Config;
  readonly complete: Complete;
  /** Every model that may be named, in order, each with the state of its provider now. */
  readonly models: () => readonly Model[];
  /** What is known of each provider now. */
  readonly readings: () => readonly ProviderReading[];
  readonly keyCounts: Gateway['keyCounts'];
  /** Breaks off what is under way with providers, and resolves when nothing is open any more. */
  close(): Promise<void>;
}

export function serving(config: Config, lasting: Lasting): Serving {
  const { states, log, clock } = lasting;
  const known = catalogueOf(config);
  const models = directoryOf(config, clock, known);
  const path = gateway({
    ...lasting,
    config,
    models,
    listings: listingNews(known, log, clock),
    keyAside: keyAside(log, clock),
    newId: randomUUID,
  });
  const readings = () => config.providers.map((provider) => reading(provider, path, states));
  return {
    config,
    complete: path.complete,
    models: liveModels(models.list, () =>
      readings().map((each) => ({ provider: each.provider, status: providerStatus(each) })),
    ),
    readings,
    keyCounts: path.keyCounts,
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
    targets: known.map(readTarget).filter(isOfInterest),
    outcomes: Outcomes.summary(known.map(({ outcomes }) => outcomes)),
    probe: state?.probe,
  };
}

/** What happened to a model that nobody has called for a while says nothing of now. */
const isOfInterest = ({ active, retryInMs, outcomes }: TargetReading): boolean =>
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
const listingNews = (known: Catalogue, log: Log, clock: Clock): NonNullable<GatewayParts['listings']> => ({
  learn: (provider, models) => known.learn(provider, models, dayOf(clock.wallMs())),
  failed: (provider, { kind }) =>
    log.warn({ provider, error_reason: kind.toUpperCase() }, 'the list of models could not be read'),
});
