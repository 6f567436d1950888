import { alertsOf } from './alerts.ts';
import { cacheOf } from './cache.ts';
import { catalogueOverrides } from './catalogue-overrides.ts';
import type { Config, MediaConfig, MockConfig, ServerConfig, SettingsConfig } from './config.ts';
import { fallbackOf } from './fallback.ts';
import { idempotencyOf } from './idempotency.ts';
import { quotasOf } from './quotas.ts';
import { resilienceOf } from './resilience.ts';
import type { FileConfig } from './schema.ts';
import type { Selection } from './selection.ts';
import { storeOf } from './store.ts';
import { thriftOf } from './thrift.ts';
import { timeoutsOf } from './timeouts.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const serverOf = ({ server }: FileConfig): ServerConfig => ({
  host: server.host,
  grpcPort: server.grpc_port,
  httpPort: server.http_port,
  metricsPort: server.metrics_port,
  maxMessageBytes: server.max_message_bytes,
  maxConcurrentStreams: server.max_concurrent_streams,
  keepaliveTimeMs: server.keepalive_time_ms,
  keepaliveTimeoutMs: server.keepalive_timeout_ms,
  maxConnectionAgeMs: server.max_connection_age_ms,
  maxConnectionAgeGraceMs: server.max_connection_age_grace_ms,
  corsOrigins: server.cors_origins,
  reflection: server.reflection,
  drainDelayMs: server.drain_delay_ms,
  drainGraceMs: server.drain_grace_ms,
});

const mediaOf = ({ media }: FileConfig): MediaConfig => ({
  fetch: media.fetch,
  maxBytes: media.max_bytes,
  maxHeldBytes: media.max_held_bytes,
  maxItems: media.max_items,
  timeoutMs: media.timeout_ms,
});

const mockOf = ({ mock }: FileConfig): MockConfig => ({
  seed: mock.seed,
  latencyMs: mock.latency_ms,
  tokensPerSecond: mock.tokens_per_second,
  errorRate: mock.error_rate,
});

type Said = Pick<Config, 'access' | 'tls' | 'files' | 'secrets' | 'notices'> & Pick<SettingsConfig, 'changed'>;

/** Puts together what was read and what was settled. */
export const assemble = (config: FileConfig, selection: Selection, { changed, ...said }: Said): Config => ({
  ...selection,
  ...said,
  server: serverOf(config),
  ...resilienceOf(config),
  enabled: config.enabled,
  timeouts: timeoutsOf(config.timeouts),
  quotas: quotasOf(config),
  usage: { labels: config.usage.labels, keptMs: config.usage.keep_days * DAY_MS },
  audit: { keptMs: config.audit.keep_days * DAY_MS, refusalsPerMinute: config.audit.refusals_per_minute },
  alerts: alertsOf(config.alerts),
  settings: { changed, quotas: config.quotas, routing: config.routing },
  fallback: fallbackOf(config),
  cache: cacheOf(config.cache),
  thrift: thriftOf(config.thrift),
  idempotency: idempotencyOf(config.idempotency),
  media: mediaOf(config),
  catalogue: catalogueOverrides(config.catalogue),
  store: storeOf(config.store),
  mock: mockOf(config),
  maxResponseBytes: config.limits.max_response_bytes,
  maxEventBytes: config.limits.max_event_bytes,
  telemetry: {
    serviceName: config.telemetry.service_name,
    otlpEndpoint: config.telemetry.otlp_endpoint,
    logLevel: config.telemetry.log_level,
    captureContent: config.telemetry.capture_content,
  },
});
