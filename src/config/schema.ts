import { z } from 'zod';
import {
  bytes,
  describe,
  durationMs,
  flag,
  hostRule,
  modelPatternRule,
  modelRule,
  number,
  originRule,
  otlpEndpointRule,
  port,
  providerNameRule,
  serviceNameRule,
  text,
  whole,
} from './fields.ts';
import { accessSchema } from './schema-access.ts';
import { alertsSchema } from './schema-alerts.ts';
import { auditSchema } from './schema-audit.ts';
import { cacheSchema } from './schema-cache.ts';
import { catalogueSchema } from './schema-catalogue.ts';
import { fallbackSchema } from './schema-fallback.ts';
import { idempotencySchema } from './schema-idempotency.ts';
import { providersSchema } from './schema-providers.ts';
import { quotasSchema } from './schema-quotas.ts';
import { breakerSchema, concurrencySchema, probesSchema, retrySchema, sheddingSchema } from './schema-resilience.ts';
import { routingSchema } from './schema-routing.ts';
import { storeSchema } from './schema-store.ts';
import { thriftSchema } from './schema-thrift.ts';
import { timeoutsSchema } from './schema-timeouts.ts';
import { tlsSchema } from './schema-tls.ts';
import { usageSchema } from './schema-usage.ts';

const MIB = 1024 * 1024;

const serverSchema = z
  .strictObject({
    host: describe(text(hostRule), 'The address to listen on. 0.0.0.0 or :: for every one of this machine.').default(
      '127.0.0.1',
    ),
    grpc_port: port('The port of gRPC.').default(50_051),
    http_port: port('The port of Connect, gRPC-Web and the health pages.').default(8080),
    metrics_port: port('The port of the Prometheus metrics.').default(9464),
    max_message_bytes: bytes('The largest message a caller may send, in bytes.').default(16 * MIB),
    max_concurrent_streams: whole(1, 1_000_000, 'The most calls at once on one gRPC connection.').default(1000),
    keepalive_time_ms: durationMs(1000, 'How long a gRPC connection may be silent before it is pinged.').default(
      60_000,
    ),
    keepalive_timeout_ms: durationMs(
      1000,
      'How long the answer to a ping may take before the connection is closed.',
    ).default(20_000),
    max_connection_age_ms: durationMs(
      1000,
      'After this age a gRPC connection is told to go, so that callers balance again. Unset: never.',
    ).optional(),
    max_connection_age_grace_ms: durationMs(0, 'How long calls on such a connection may then take to end.').default(
      600_000,
    ),
    cors_origins: z
      .array(text(originRule))
      .max(1000)
      .meta({ description: 'Origins of web pages that may call, such as https://app.example.com. "*" for any.' })
      .default([]),
    reflection: flag('Whether gRPC clients may ask for the schema.').default(true),
    tls: tlsSchema.optional(),
    drain_delay_ms: durationMs(
      0,
      'On SIGTERM: how long to go on serving while reporting not ready, so that balancers notice.',
    ).default(2000),
    drain_grace_ms: durationMs(0, 'Then: how long calls in flight may take to end.').default(25_000),
  })
  .meta({ title: 'Server', description: 'Where and how the gateway listens.' });

const modelsSchema = z
  .strictObject({
    default: describe(text(modelRule), 'What an empty model means: "provider/id" or an id.').optional(),
    allowed: z
      .array(text(modelPatternRule))
      .min(1)
      .max(1000)
      .meta({
        description:
          'The models that may be called: "id", "provider/id", "provider/*" or "*". Unset: the default ones of the providers that are on.',
      })
      .optional(),
    default_provider: describe(
      text(providerNameRule),
      'The provider that takes ids which nothing else is known to have. Unset: the first that is on.',
    ).optional(),
    provider_order: z
      .array(text(providerNameRule))
      .max(1000)
      .meta({
        description:
          'Which provider goes first where several have a model. Unset: default_provider. Required where several have one that a request may name by its id alone.',
      })
      .default([]),
  })
  .meta({ title: 'Models', description: 'Which models may be called, and which one is meant by none.' });

const limitsSchema = z
  .strictObject({
    max_response_bytes: bytes('The largest answer of a provider, and the largest whole stream, in bytes.').default(
      32 * MIB,
    ),
    max_event_bytes: bytes('The largest event of a stream, in bytes.').default(MIB),
  })
  .meta({ title: 'Limits', description: 'How much a provider may send.' });

const mediaSchema = z
  .strictObject({
    fetch: flag('Fetch them. false: a call that would need it is refused.').default(true),
    max_bytes: bytes('How large those of one call may be together, in bytes.').default(20 * MIB),
    max_held_bytes: bytes(
      'How large those of all calls under way may be together, in bytes. A call for which there is no room is refused.',
    ).default(256 * MIB),
    max_items: whole(1, 1000, 'The most that are fetched for one call.').default(20),
    timeout_ms: durationMs(1, 'Until one is there.').default(10_000),
  })
  .meta({
    title: 'Media',
    description: 'Images and documents that callers give by URL, for providers that take bytes only.',
  });

const mockSchema = z
  .strictObject({
    use: flag(
      'true: the mock answers every model. false: it is never on. Unset: it is on if no other provider is.',
    ).optional(),
    seed: whole(0, 2 ** 32 - 1, 'Answers depend on it and on the request, and on nothing else.').default(0),
    latency_ms: durationMs(0, 'Until the first token.').default(0),
    tokens_per_second: number(0, 1_000_000, 'The pace of a stream. 0: as fast as it can.').default(0),
    error_rate: number(0, 1, 'The share of calls that fail, from 0 to 1.').default(0),
  })
  .meta({ title: 'Mock', description: 'The built-in provider that answers without a model.' });

const telemetrySchema = z
  .strictObject({
    service_name: describe(text(serviceNameRule), 'The name of this service in traces.').default('antiphon'),
    otlp_endpoint: describe(
      text(otlpEndpointRule),
      'The base address of an OTLP/HTTP collector, such as http://127.0.0.1:4318. Unset: no spans are recorded.',
    ).optional(),
    log_level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .meta({ description: 'The least serious lines that are logged.' })
      .default('info'),
    capture_content: flag(
      'true: spans hold what is asked and answered, cut short and with secrets masked. Whoever reads spans reads that, too.',
    ).default(false),
  })
  .meta({ title: 'Telemetry', description: 'What the gateway tells about itself.' });

/** The configuration file. The one source of its rules, its defaults and its JSON Schema. */
export const fileSchema = z
  .strictObject({
    enabled: flag('false: every call gets the fallback answer, and no provider is asked anything.').default(true),
    server: serverSchema.prefault({}),
    access: accessSchema.prefault({}),
    providers: providersSchema.default({}),
    models: modelsSchema.prefault({}),
    routing: routingSchema.prefault({}),
    timeouts: timeoutsSchema.prefault({}),
    retry: retrySchema.prefault({}),
    breaker: breakerSchema.prefault({}),
    concurrency: concurrencySchema.prefault({}),
    shedding: sheddingSchema.prefault({}),
    probes: probesSchema.prefault({}),
    fallback: fallbackSchema.prefault({}),
    quotas: quotasSchema.prefault({}),
    usage: usageSchema.prefault({}),
    audit: auditSchema.prefault({}),
    alerts: alertsSchema.prefault({}),
    cache: cacheSchema.prefault({}),
    thrift: thriftSchema.prefault({}),
    idempotency: idempotencySchema.prefault({}),
    limits: limitsSchema.prefault({}),
    media: mediaSchema.prefault({}),
    catalogue: catalogueSchema.prefault({}),
    store: storeSchema.prefault({}),
    mock: mockSchema.prefault({}),
    telemetry: telemetrySchema.prefault({}),
  })
  .meta({ title: 'Antiphon', description: 'The configuration file of the Antiphon gateway.' });

/** What the file and the environment say, with defaults, before it is known what is on. */
export type FileConfig = z.infer<typeof fileSchema>;
