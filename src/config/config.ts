import type { AccessSettings } from '../access/key-record.ts';
import type { AlertSettings } from '../alerts/settings.ts';
import type { CacheSettings } from '../cache/settings.ts';
import type { ApiKey } from '../core/call.ts';
import type { IdempotencySettings } from '../idempotency/settings.ts';
import type { ProviderSettings } from '../providers/provider.ts';
import type { QuotaSettings } from '../quotas/settings.ts';
import type {
  BreakerSettings,
  ConcurrencySettings,
  ProbeSettings,
  RetrySettings,
  SheddingSettings,
} from '../resilience/settings.ts';
import type { RoutingSettings } from '../routing/settings.ts';
import type { StoreSettings } from '../stores/settings.ts';
import type { ThriftSettings } from '../thrift/settings.ts';
import type { CatalogueConfig } from './catalogue-overrides.ts';
import type { RuntimeSettings } from './runtime-settings.ts';
import type { TlsConfig } from './tls.ts';
import type { Branch } from './tree.ts';

/** One provider that is switched on. */
export interface ProviderConfig {
  /** The name that callers use before the slash; unique. */
  readonly name: string;
  /** A kind of the registry, or "mock". */
  readonly kind: string;
  /** No query, no trailing slash. Undefined for the mock. */
  readonly baseUrl: URL | undefined;
  /** None: requests are not signed. */
  readonly keys: readonly ApiKey[];
  /** Sent with every request. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The ids of models that the configuration names for it. */
  readonly models: readonly string[];
  /** The most connections at once. */
  readonly maxConnections: number;
  /** The most calls at once. Undefined: as for all. */
  readonly maxConcurrency: number | undefined;
  /** Special settings of its kind; undefined where it was not set, or is of no use to the kind. */
  readonly compat: ProviderSettings['compat'];
  readonly api: ProviderSettings['api'];
  readonly folderId: ProviderSettings['folderId'];
  readonly app: ProviderSettings['app'];
  readonly dataLogging: ProviderSettings['dataLogging'];
}

/** How the mock provider behaves. All is deterministic from the request and `seed`. */
export interface MockConfig {
  readonly seed: number;
  /** Until the first token, in milliseconds. */
  readonly latencyMs: number;
  /** 0: as fast as it can. */
  readonly tokensPerSecond: number;
  /** The share of calls that fail with `upstream_error`, from 0 to 1. */
  readonly errorRate: number;
}

/** How images and documents that a caller gives by URL are fetched, for providers that take bytes only. */
export interface MediaConfig {
  /** False: nothing is fetched, and such a call is refused. */
  readonly fetch: boolean;
  /** Of all of a call together. */
  readonly maxBytes: number;
  /** Of all calls that are under way together. */
  readonly maxHeldBytes: number;
  /** Of all of a call together. */
  readonly maxItems: number;
  /** Until one of them is there. */
  readonly timeoutMs: number;
}

export interface TimeoutConfig {
  /** Until the request is on a connection: name look-up, TCP, TLS, and waiting for a free connection. */
  readonly connectMs: number;
  /** From there to the first piece of content, when streaming. */
  readonly firstTokenMs: number;
  /** Between pieces of content, when streaming. */
  readonly idleMs: number;
  /** A whole try that does not stream. */
  readonly totalMs: number;
  /** A whole try that streams. */
  readonly streamTotalMs: number;
  /** How long a caller may leave a full buffer unread. */
  readonly stallMs: number;
}

export interface ServerConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly metricsPort: number;
  /** The largest message a caller may send. */
  readonly maxMessageBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** After this age a connection is told to go, so that callers balance again. Undefined: never. */
  readonly maxConnectionAgeMs: number | undefined;
  readonly maxConnectionAgeGraceMs: number;
  /** Origins of web pages that may call. "*" for any. */
  readonly corsOrigins: readonly string[];
  readonly reflection: boolean;
  /** On SIGTERM: how long to go on serving while balancers notice. */
  readonly drainDelayMs: number;
  /** Then: how long calls in flight may take to end. */
  readonly drainGraceMs: number;
}

/** What is kept of what calls use. */
export interface UsageConfig {
  /** Callers' labels by which usage is counted. */
  readonly labels: readonly string[];
  /** How long that of a day is kept. */
  readonly keptMs: number;
}

/** What is kept of changes, and of calls that were refused. */
export interface AuditConfig {
  /** How long an event is kept. */
  readonly keptMs: number;
  /** The most refused calls a minute that have an event of their own. */
  readonly refusalsPerMinute: number;
}

/** Answers that need no model. */
export interface FallbackConfig {
  /** By name: the texts, which may hold `{{...}}` for facts of the call. `fallback/<name>` is a model that gives it. */
  readonly answers: ReadonlyMap<string, string>;
  /** The name of the one that every call ends with if no model answers. Undefined: only calls that name one. */
  readonly always: string | undefined;
}

/** What can be changed at run time, as it is in effect. */
export interface SettingsConfig {
  /** What was changed. Undefined: nothing was laid over the file and the environment. */
  readonly changed: RuntimeSettings | undefined;
  /** The section as the file would have it, with defaults. Plain data. */
  readonly quotas: Branch;
  readonly routing: Branch;
}

/** Everything that can be set, checked and complete. Made once at start-up, and again when the file has changed. */
export interface Config {
  /** False: every call gets the fallback answer, and no provider is asked anything. */
  readonly enabled: boolean;
  readonly server: ServerConfig;
  /** Undefined: callers speak plain text. */
  readonly tls: TlsConfig | undefined;
  /** Who may call. */
  readonly access: AccessSettings;
  readonly providers: readonly ProviderConfig[];
  /** The names of those that are configured and lack something, such as a key. */
  readonly offProviders: readonly string[];
  /** What an empty `model` means, as "provider/id". Undefined: a model must be named. */
  readonly defaultModel: string | undefined;
  /** The provider that takes ids which nothing else is known to have. */
  readonly defaultProvider: string | undefined;
  /** Patterns of "provider/id" or "id", where "*" stands for any text. Never empty in effect: see `notices`. */
  readonly allowedModels: readonly string[];
  /** Every model is answered by the mock, whatever its name. */
  readonly mockEverything: boolean;
  /** The mock is on because nothing else is, and not because anybody wants it. */
  readonly mockStandsIn: boolean;
  readonly mock: MockConfig;
  readonly timeouts: TimeoutConfig;
  readonly routing: RoutingSettings;
  readonly retry: RetrySettings;
  readonly breaker: BreakerSettings;
  readonly concurrency: ConcurrencySettings;
  readonly shedding: SheddingSettings;
  readonly probes: ProbeSettings;
  /** How much callers may use. */
  readonly quotas: QuotaSettings;
  readonly usage: UsageConfig;
  readonly audit: AuditConfig;
  /** When operators are told of calls. */
  readonly alerts: AlertSettings;
  readonly settings: SettingsConfig;
  readonly fallback: FallbackConfig;
  readonly cache: CacheSettings;
  /** What spares tokens, where a rule says so. */
  readonly thrift: ThriftSettings;
  readonly idempotency: IdempotencySettings;
  /** Files that it was made from: they are read again when they change. */
  readonly files: readonly string[];
  readonly media: MediaConfig;
  readonly catalogue: CatalogueConfig;
  readonly store: StoreSettings;
  /** The largest unary answer, and the largest whole stream, in bytes. */
  readonly maxResponseBytes: number;
  /** The largest event of a stream, in bytes. */
  readonly maxEventBytes: number;
  readonly telemetry: {
    readonly serviceName: string;
    /** Base address of an OTLP/HTTP collector. Undefined: no spans are recorded. */
    readonly otlpEndpoint: string | undefined;
    readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
    /** Spans hold what is asked and answered. */
    readonly captureContent: boolean;
  };
  /** Every key and token, so that they can be removed from whatever leaves. */
  readonly secrets: readonly string[];
  /** What the start-up says: defaults taken, settings without effect. One sentence each. */
  readonly notices: readonly string[];
}
