import { type Connections, connections } from './backends/http/connections.ts';
import { askListing, readListing } from './backends/http/listing.ts';
import type { ListingSource } from './backends/http/refresh.ts';
import { type HttpBackend, httpBackend } from './backends/http.ts';
import { mockBackend } from './backends/mock.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { Complete } from './core/complete.ts';
import type { Redact } from './core/redact.ts';
import { type KeyAside, KeyRing } from './layers/keys/key-ring.ts';
import { askWithKey } from './layers/keys/listing-key.ts';
import type { Provider } from './providers/provider.ts';
import { providerKinds } from './providers/registry.ts';

export interface UpstreamParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly redact: Redact;
  readonly price: HttpBackend['price'];
  /** Is told when a provider has refused a key, so that it is left alone for a while. */
  readonly keyAside: (provider: string, aside: KeyAside) => void;
}

/** A provider that is on, without the layers around it. */
export interface Upstream {
  readonly name: string;
  /** Its name in the conventions for spans. Undefined: it has none. */
  readonly telemetryName: string | undefined;
  readonly wantsBytes: Provider['wantsBytes'];
  readonly promptCaching: Provider['promptCaching'];
  readonly ring: KeyRing;
  readonly backend: Complete;
  /** Undefined: it does not list its models. */
  readonly listing: ListingSource | undefined;
  /** Asks for something that costs nothing. Undefined: there is nothing. Aborts: the connection is closed at once. */
  readonly ask: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Breaks off what is under way; resolves when no connection is open any more. */
  close(): Promise<void>;
}

export function upstream(settings: ProviderConfig, parts: UpstreamParts): Upstream {
  const ring = new KeyRing(settings.keys, parts.clock);
  const provider = providerOf(settings);
  return provider ? overHttp(provider, settings, ring, parts) : mocked(settings, ring, parts);
}

/** Undefined: a provider without an address, which is the mock. */
function providerOf(config: ProviderConfig): Provider | undefined {
  const { baseUrl } = config;
  return baseUrl && providerKinds.get(config.kind)?.create({ ...config, baseUrl });
}

function mocked({ name }: ProviderConfig, ring: KeyRing, { config, clock, price }: UpstreamParts): Upstream {
  const backend = mockBackend(config.mock, clock);
  return {
    name,
    telemetryName: undefined,
    wantsBytes: undefined,
    promptCaching: undefined,
    ring,
    backend: priced(backend, price),
    listing: undefined,
    ask: undefined,
    close: () => Promise.resolve(),
  };
}

/** Prices the answers of a backend that knows no prices. */
const priced =
  (backend: Complete, price: HttpBackend['price']): Complete =>
  async (call) => {
    const response = await backend(call);
    if (call.target && response.usage) response.cost ??= price(call.target, response.usage, {});
    return response;
  };

function overHttp(
  provider: Provider,
  { maxConnections }: ProviderConfig,
  ring: KeyRing,
  parts: UpstreamParts,
): Upstream {
  const { config, clock, redact, price } = parts;
  const { maxResponseBytes, maxEventBytes, timeouts } = config;
  const open = connections(provider.baseUrl.origin, { maxConnections, connectMs: timeouts.connectMs });
  const lister = provider.listing ? asking(provider, open, ring, parts) : undefined;
  return {
    name: provider.name,
    telemetryName: provider.telemetryName,
    wantsBytes: provider.wantsBytes,
    promptCaching: provider.promptCaching,
    ring,
    backend: httpBackend({ provider, connections: open, price, clock, redact, maxResponseBytes, maxEventBytes }),
    listing: lister && { provider: provider.name, read: lister(readListing) },
    ask: lister?.(askListing),
    close: open.close,
  };
}

/** Makes questions to a provider that are no calls, each with one of its keys. */
const asking =
  (provider: Provider, open: Connections, ring: KeyRing, { clock, keyAside }: UpstreamParts) =>
  <T>(ask: (place: Parameters<typeof readListing>[0], signal: AbortSignal) => Promise<T>) =>
  (signal: AbortSignal): Promise<T> =>
    askWithKey(
      ring,
      (aside) => keyAside(provider.name, aside),
      (key) => ask({ provider, connections: open, key: key?.value, clock }, signal),
    );
