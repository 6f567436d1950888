import { redactor } from '../core/redact.ts';
import { check } from './check.ts';
import type { Config, MockConfig, ServerConfig, TimeoutConfig } from './config.ts';
import { expand } from './expand.ts';
import { generalNotices } from './notices.ts';
import { overlay, UNNAMED_PROVIDER } from './overlay.ts';
import { ConfigError, type Problem } from './problem.ts';
import { resolveProviders } from './providers.ts';
import type { FileConfig } from './schema.ts';
import { secretsOf } from './secrets.ts';
import { type Selection, select } from './selection.ts';
import { setVariables, type Variables } from './substitute.ts';
import { isBranch, pathText } from './tree.ts';
import { type ParsedFile, type ReadFile, readYaml } from './yaml-file.ts';

const EMPTY_FILE: ParsedFile = { content: undefined, problems: [] };

function readFileOf(variables: Variables, readFile: ReadFile): ParsedFile {
  const path = variables.get('ANTIPHON_CONFIG');
  const file = path === undefined ? EMPTY_FILE : readYaml(path, readFile);
  if (file.content === undefined || isBranch(file.content)) return file;
  const fix = 'Begin it with settings such as "server:".';
  return { content: undefined, problems: [{ path: 'the file', problem: 'is not a mapping', fix }] };
}

/** Settings that are possible alone and not together. */
function conflicts({ server, limits }: FileConfig): Problem[] {
  const ports = ['grpc_port', 'http_port', 'metrics_port'] as const;
  const taken = ports.filter((port, i) => ports.slice(0, i).some((other) => server[port] === server[other]));
  const problems = taken
    .filter((port) => server[port] !== 0)
    .map((port) => ({ path: `server.${port}`, problem: 'is the port of another door', fix: 'Choose another, or 0.' }));
  if (limits.max_event_bytes <= limits.max_response_bytes) return problems;
  const problem = 'is more than max_response_bytes';
  return [...problems, { path: 'limits.max_event_bytes', problem, fix: 'Lower it, or raise the other.' }];
}

/** What depends on a part that is broken cannot be judged, and would only be noise. */
const isBroken = (problems: readonly Problem[], ...parts: readonly string[]) =>
  problems.some(({ path }) => !path.includes('.') || parts.some((part) => path.startsWith(`${part}.`)));

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

/** A stream may take this long unless more is asked for. */
const STREAM_TOTAL_MS = 600_000;

const timeoutsOf = ({ timeouts }: FileConfig): TimeoutConfig => ({
  connectMs: timeouts.connect_ms,
  firstTokenMs: timeouts.first_token_ms ?? timeouts.total_ms,
  idleMs: timeouts.idle_ms,
  totalMs: timeouts.total_ms,
  streamTotalMs: timeouts.stream_total_ms ?? Math.max(STREAM_TOTAL_MS, timeouts.total_ms),
  stallMs: timeouts.stall_ms,
});

const mockOf = ({ mock }: FileConfig): MockConfig => ({
  seed: mock.seed,
  latencyMs: mock.latency_ms,
  tokensPerSecond: mock.tokens_per_second,
  errorRate: mock.error_rate,
});

type Said = Pick<Config, 'secrets' | 'notices'>;

const assemble = (config: FileConfig, selection: Selection, said: Said): Config => ({
  ...selection,
  ...said,
  server: serverOf(config),
  timeouts: timeoutsOf(config),
  mock: mockOf(config),
  maxResponseBytes: config.limits.max_response_bytes,
  maxEventBytes: config.limits.max_event_bytes,
  telemetry: {
    serviceName: config.telemetry.service_name,
    otlpEndpoint: config.telemetry.otlp_endpoint,
    logLevel: config.telemetry.log_level,
  },
});

const impliedProvider = (variables: Variables) =>
  variables.has('LLM_BASE_URL') && !variables.has('LLM_PROVIDER') ? UNNAMED_PROVIDER : undefined;

/**
 * Makes the configuration from the environment and the file that ANTIPHON_CONFIG names. The environment wins.
 *
 * Errors: ConfigError with every problem at once. No problem and no notice holds a value that may be a secret.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>, readFile: ReadFile): Config {
  const variables = setVariables(env);
  const file = readFileOf(variables, readFile);
  const overlaid = overlay(isBranch(file.content) ? file.content : {}, variables);
  const { origins } = overlaid;
  const expanded = expand(overlaid.tree, variables, (path) => origins.has(pathText(path)));
  const checked = check(expanded.tree, (path) => origins.has(pathText(path)) || expanded.referred.has(pathText(path)));
  const { config } = checked;
  const providers = resolveProviders(config.providers);

  const problems = [...file.problems, ...expanded.problems, ...checked.problems, ...providers.problems];
  if (!isBroken(problems, 'server', 'limits')) problems.push(...conflicts(config));
  const selected = select({ config, providers, impliedProvider: impliedProvider(variables) });
  if (!isBroken(problems, 'providers', 'models', 'mock')) problems.push(...selected.problems);
  problems.push(...overlaid.problems);

  const secrets = secretsOf(expanded.tree, expanded.references, variables);
  if (problems.length > 0) throw new ConfigError(presentable(problems, origins, secrets));
  const notices = [...generalNotices(variables, config, providers.off), ...selected.notices];
  return assemble(config, selected.selection, { secrets, notices });
}

/** Names the variable that a value came from; one problem to a place; and, should it ever be needed, masks secrets. */
function presentable(problems: readonly Problem[], origins: ReadonlyMap<string, string>, secrets: readonly string[]) {
  const redact = redactor(secrets);
  const byPath = new Map(problems.toReversed().map((problem) => [problem.path, problem]));
  return problems
    .filter((problem) => byPath.get(problem.path) === problem)
    .map(({ path, problem, fix }) => ({
      path: origins.get(path) ?? redact(path),
      problem: redact(problem),
      fix: redact(fix),
    }));
}
