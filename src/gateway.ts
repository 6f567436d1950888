import { type Connections, connections } from './backends/http/connections.ts';
import { readListing } from './backends/http/listing.ts';
import { mediaFetcher } from './backends/http/media.ts';
import { mediaRoom } from './backends/http/media-room.ts';
import { type ListingNews, type ListingSource, startRefresh } from './backends/http/refresh.ts';
import { type HttpBackend, httpBackend } from './backends/http.ts';
import { mockBackend } from './backends/mock.ts';
import { type Catalogue, catalogue, catalogueProviders } from './catalogue/catalogue.ts';
import { todayBy } from './catalogue/day.ts';
import { type Directory, directory } from './catalogue/directory.ts';
import { priceOf } from './catalogue/price.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { type Complete, compose, type NamedLayer } from './core/complete.ts';
import { modelPatterns } from './core/patterns.ts';
import type { Redact } from './core/redact.ts';
import { attempt, type Busy } from './layers/attempt.ts';
import { deadline } from './layers/deadline.ts';
import { govern } from './layers/govern.ts';
import { impersonate } from './layers/impersonate.ts';
import { type KeyAside, KeyRing, keyRefusals } from './layers/keys/key-ring.ts';
import { askWithKey } from './layers/keys/listing-key.ts';
import { keys } from './layers/keys.ts';
import { media } from './layers/media.ts';
import { type Observer, observe } from './layers/observe.ts';
import { route } from './layers/route.ts';
import { timeouts } from './layers/timeouts.ts';
import type { Provider } from './providers/provider.ts';
import { providerKinds } from './providers/registry.ts';
import type { KeysAside } from './telemetry/key-metrics.ts';
import type { CallMetrics } from './telemetry/metrics.ts';
import type { CallOutcome } from './telemetry/record.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly models: Directory;
  readonly clock: Clock;
  readonly redact: Redact;
  /** Keeps the record of a call that is over. */
  readonly record: (outcome: CallOutcome) => void;
  readonly metrics: Pick<CallMetrics, 'started' | 'ended'>;
  /** Is told when a provider has refused a key, so that it is left alone for a while. */
  readonly keyAside: (provider: string, aside: KeyAside) => void;
  /** Is told what providers' own listings say. Undefined: they are not read. */
  readonly listings?: ListingNews;
}

export interface Gateway {
  readonly complete: Complete;
  /** Calls that are with this provider now. */
  activeCalls(provider: string): number;
  /** Those of its keys that this provider has refused. */
  keysAside(provider: string): readonly KeyAside[];
  /** How many that are, of each provider with keys and for each reason. */
  keyCounts(): readonly KeysAside[];
  /** Breaks off what is under way with providers, and resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** The layers around every call, outermost first. The order is behaviour: each line says why it stands where it does. */
export const callLayers = (
  { config, models, clock, record }: GatewayParts,
  providerName: Observer['providerName'],
): NamedLayer[] => [
  // Outermost, so that refusals are counted too.
  { name: 'observe', layer: observe({ record, clock, providerName }) },
  // Before all that takes time: it turns the caller's deadline into the signal that everything below obeys.
  { name: 'deadline', layer: deadline(clock) },
  // Before any key is looked up: what is not allowed costs nothing and touches nothing.
  { name: 'govern', layer: govern(models) },
  // Below governance, so that the mock is refused whatever the real provider would be.
  ...(config.mockEverything ? [{ name: 'impersonate', layer: impersonate('mock') }] : []),
];

/** The layers around each provider, outermost first. */
export const targetLayers = (
  { config, clock, keyAside }: GatewayParts,
  { name, wantsBytes }: Pick<Provider, 'name' | 'wantsBytes'>,
  busy: Busy,
  ring: KeyRing,
  room = mediaRoom(config.media.maxHeldBytes),
): NamedLayer[] => [
  // Outermost, so that no try fetches again, and a slow server of files does not count against the provider.
  ...(wantsBytes
    ? [{ name: 'media', layer: media(mediaFetcher({ ...config.media, clock, room, wanted: wantsBytes }), clock) }]
    : []),
  // Above the record of a try, so that each key that was tried has one.
  { name: 'keys', layer: keys(ring, (aside) => keyAside(name, aside)) },
  // One record and one span for each time the provider is really asked.
  { name: 'attempt', layer: attempt(clock, busy) },
  // Innermost, so that no waiting of the gateway's own counts against the provider.
  { name: 'timeouts', layer: timeouts(config.timeouts, clock) },
];

/** Puts everything together: the only place that knows every layer, provider and backend. */
export function gateway(parts: GatewayParts): Gateway {
  const { config } = parts;
  const active = new Map<string, number>();
  const busy = busyIn(active, parts.metrics);
  const closers: (() => Promise<void>)[] = [];
  const stacks = new Map<string, Complete>();
  const telemetryNames = new Map<string, string>();
  const rings = new Map<string, KeyRing>();
  const sources: ListingSource[] = [];
  const room = mediaRoom(config.media.maxHeldBytes);
  for (const settings of config.providers) {
    const provider = providerOf(settings);
    const ring = new KeyRing(settings.keys, parts.clock);
    const backend = provider
      ? httpBackendOf(provider, settings, parts, ring, { closers, sources })
      : priced(mockBackend(config.mock, parts.clock), pricing(parts.models));
    rings.set(settings.name, ring);
    stacks.set(settings.name, compose(targetLayers(parts, provider ?? settings, busy, ring, room), backend));
    if (provider) telemetryNames.set(settings.name, provider.telemetryName);
  }
  const refresh = refreshing(parts, sources);
  const complete = compose(
    callLayers(parts, (provider) => telemetryNames.get(provider)),
    route((provider) => stacks.get(provider)),
  );
  return {
    complete,
    activeCalls: (provider) => active.get(provider) ?? 0,
    keysAside: (provider) => rings.get(provider)?.aside ?? [],
    keyCounts: () => [...rings].flatMap(([provider, ring]) => countsOf(provider, ring)),
    async close() {
      await refresh?.close();
      await Promise.all(closers.map((close) => close()));
    },
  };
}

function countsOf(provider: string, { size, aside }: KeyRing): KeysAside[] {
  if (size === 0) return [];
  return keyRefusals.map((reason) => ({ provider, reason, keys: aside.filter(({ kind }) => kind === reason).length }));
}

/** Counts the calls that are with each provider, here and in the metrics. */
function busyIn(active: Map<string, number>, metrics: GatewayParts['metrics']): Busy {
  const add = (provider: string, calls: number) => active.set(provider, (active.get(provider) ?? 0) + calls);
  return {
    started(provider) {
      add(provider, 1);
      metrics.started(provider);
    },
    ended(provider) {
      add(provider, -1);
      metrics.ended(provider);
    },
  };
}

function httpBackendOf(
  provider: Provider,
  { maxConnections }: ProviderConfig,
  { config, models, clock, redact, keyAside }: GatewayParts,
  ring: KeyRing,
  { closers, sources }: Opened,
): Complete {
  const { maxResponseBytes, maxEventBytes, timeouts: limits } = config;
  const open = connections(provider.baseUrl.origin, { maxConnections, connectMs: limits.connectMs });
  closers.push(open.close);
  if (provider.listing) sources.push(listingAt(provider, open, ring, { clock, keyAside }));
  const price = pricing(models);
  return httpBackend({ provider, connections: open, price, clock, redact, maxResponseBytes, maxEventBytes });
}

/** What backends leave behind for the gateway: what is to be closed, and the listings that can be read. */
interface Opened {
  readonly closers: (() => Promise<void>)[];
  readonly sources: ListingSource[];
}

const listingAt = (
  provider: Provider,
  open: Connections,
  ring: KeyRing,
  { clock, keyAside }: Pick<GatewayParts, 'clock' | 'keyAside'>,
): ListingSource => ({
  provider: provider.name,
  read: (signal) =>
    askWithKey(
      ring,
      (aside) => keyAside(provider.name, aside),
      (key) => readListing({ provider, connections: open, key: key?.value, clock }, signal),
    ),
});

/** Undefined: the configuration wants no listings to be read, or nobody is told of them. */
function refreshing({ config, clock, listings }: GatewayParts, sources: readonly ListingSource[]) {
  const { refreshMs } = config.catalogue;
  if (refreshMs === undefined || !listings) return undefined;
  return startRefresh({ sources, everyMs: refreshMs, news: listings, clock });
}

const pricing =
  (models: Directory): HttpBackend['price'] =>
  (target, usage, billing) =>
    priceOf(usage, billing, models.price(target));

/** Prices the answers of a backend that knows no prices. */
const priced =
  (backend: Complete, price: HttpBackend['price']): Complete =>
  async (call) => {
    const response = await backend(call);
    if (call.target && response.usage) response.cost ??= price(call.target, response.usage, {});
    return response;
  };

/** Undefined: a provider without an address, which is the mock. */
function providerOf(config: ProviderConfig): Provider | undefined {
  const { baseUrl } = config;
  return baseUrl && providerKinds.get(config.kind)?.create({ ...config, baseUrl });
}

/** The providers whose models may be named here. With the mock playing all of them, that is every one's. */
function placesOf(config: Config) {
  const configured = config.providers.map(({ name, kind, models }) => ({
    name,
    kind,
    models: [...new Set([...models, ...namedAt(name, config)])],
  }));
  const played = catalogueProviders().filter((kind) => !configured.some(({ name }) => name === kind));
  const others = config.mockEverything ? played.map((kind) => ({ name: kind, kind, models: [] })) : [];
  return [...configured, ...others];
}

/** What is known of the models of these providers. */
export const catalogueOf = (config: Config): Catalogue =>
  catalogue({ providers: placesOf(config), overrides: config.catalogue.overrides });

/** Which models may be named here. */
export function directoryOf(config: Config, clock: Clock = systemClock, known = catalogueOf(config)): Directory {
  // The mock takes any id, so that by default it would hide every mistake in a model's name.
  const real = config.providers.some(({ name, kind }) => name === config.defaultProvider && kind !== 'mock');
  return directory({
    catalogue: known,
    today: todayBy(clock),
    providers: placesOf(config),
    defaultModel: config.defaultModel,
    defaultProvider: real ? config.defaultProvider : undefined,
    allowed: modelPatterns(config.allowedModels),
  });
}

/** The models that the configuration names with this provider: the default one, and those allowed one by one. */
const namedAt = (provider: string, { defaultModel, allowedModels }: Config): string[] =>
  [defaultModel ?? '', ...allowedModels]
    .filter((name) => name.startsWith(`${provider}/`) && !name.includes('*'))
    .map((name) => name.slice(provider.length + 1));
