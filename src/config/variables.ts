import { accessVariables } from './access-variables.ts';
import { variablesOfKinds } from './kinds.ts';
import type { Path } from './tree.ts';

/** What a variable's text becomes before it is put in its place in the file. */
export type Reading = 'text' | 'list' | 'seconds' | 'capture';

/** A variable that stands for one place in the file. */
export interface PlacedVariable {
  readonly name: string;
  readonly path: Path;
  readonly reading: Reading;
  /** What the file says of the place wins. */
  readonly yields: boolean;
}

const placed = (name: string, path: string, reading: Reading = 'text'): PlacedVariable => ({
  name,
  path: path.split('.'),
  reading,
  yields: false,
});

/** Later ones win where two stand for the same place. */
export const placedVariables: readonly PlacedVariable[] = [
  placed('LLM_ENABLED', 'enabled'),
  placed('LLM_PROVIDER', 'models.default_provider'),
  placed('LLM_PROVIDER_ORDER', 'models.provider_order', 'list'),
  placed('LLM_DEFAULT_MODEL', 'models.default'),
  placed('ALLOWED_MODELS', 'models.allowed', 'list'),
  placed('LLM_REQUEST_TIMEOUT', 'timeouts.total_ms', 'seconds'),
  placed('LLM_MAX_RETRIES', 'retry.max_retries'),
  placed('LLM_FALLBACK_TEXT', 'fallback.answers.default'),
  placed('USE_MOCK_LLM', 'mock.use'),
  placed('ANTIPHON_MOCK_SEED', 'mock.seed'),
  placed('ANTIPHON_MOCK_LATENCY_MS', 'mock.latency_ms'),
  placed('ANTIPHON_MOCK_TOKENS_PER_SECOND', 'mock.tokens_per_second'),
  placed('ANTIPHON_MOCK_ERROR_RATE', 'mock.error_rate'),
  placed('ANTIPHON_CACHE_SECRET', 'cache.secret'),
  placed('ANTIPHON_HOST', 'server.host'),
  placed('ANTIPHON_GRPC_PORT', 'server.grpc_port'),
  placed('ANTIPHON_HTTP_PORT', 'server.http_port'),
  placed('ANTIPHON_METRICS_PORT', 'server.metrics_port'),
  placed('ANTIPHON_AUTH', 'access.auth'),
  placed('ANTIPHON_CORS_ORIGINS', 'server.cors_origins', 'list'),
  placed('ANTIPHON_LOG_LEVEL', 'telemetry.log_level'),
  placed('REDIS_URL', 'store.redis_url'),
  placed('ANTIPHON_SQLITE_PATH', 'store.sqlite_path'),
  placed('OTEL_EXPORTER_OTLP_ENDPOINT', 'telemetry.otlp_endpoint'),
  placed('OTEL_SERVICE_NAME', 'telemetry.service_name'),
  // It is set alike for many services; who writes into the file of this one whether prompts are recorded means it.
  {
    ...placed('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', 'telemetry.capture_content', 'capture'),
    yields: true,
  },
];

/** Every variable with a fixed name that is read, but for those of further keys: see `keyVariables`. */
export const variableNames: readonly string[] = [
  'ANTIPHON_CONFIG',
  'LLM_BASE_URL',
  'LLM_API_KEY',
  ...accessVariables,
  ...variablesOfKinds.flatMap(({ keys, baseUrl, folderId }) => [...keys, baseUrl, folderId ?? []].flat()),
  ...placedVariables.map(({ name }) => name),
];
