import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readAtMost } from '../../src/config/read-file.ts';
import type { RuntimeSettings } from '../../src/config/runtime-settings.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { redactor } from '../../src/core/redact.ts';
import { type Running, start } from '../../src/start.ts';
import { createLog } from '../../src/telemetry/log.ts';

export interface TestGateway extends Running {
  readonly config: Config;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** The log's lines so far, parsed. */
  lines(): Record<string, unknown>[];
  /** What the configuration file says from now on. */
  write(file: string): void;
  /** Everything the log has so far, as text. */
  logText(): string;
  /** The metrics page. */
  metrics(): Promise<string>;
}

export interface TestGatewayOptions {
  /** Besides free ports. */
  readonly env?: Readonly<Record<string, string>>;
  /** The text of the configuration file. */
  readonly file?: string;
  /** Instead of the machine's. */
  readonly clock?: Clock;
  /** Instead of the process's: the share of its memory that is in use, from 0 to 1. */
  readonly memory?: () => number;
}

/** The name of the file of a test, which is nowhere. */
const ANTIPHON_CONFIG = 'test.yaml';

const FREE_PORTS = { ANTIPHON_GRPC_PORT: '0', ANTIPHON_HTTP_PORT: '0', ANTIPHON_METRICS_PORT: '0' };

/** What `startGateway` makes of a file with this text, which may name real ones. */
export const configOf = (
  file: string | undefined,
  variables: Readonly<Record<string, string>> = {},
  settings?: RuntimeSettings,
): Config =>
  loadConfig(
    file === undefined ? variables : { ...FREE_PORTS, ANTIPHON_CONFIG, ...variables },
    (path, ...bounds) => (path === ANTIPHON_CONFIG ? Buffer.from(file ?? '') : readAtMost(path, ...bounds)),
    settings,
  );

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

/** A whole gateway in this process, on free ports, configured as a user would. Close it. */
export async function startGateway({
  env = {},
  file,
  clock = systemClock,
  memory,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const variables = { ...FREE_PORTS, ...env };
  const config = configOf(file, variables);
  let logged = '';
  const log = createLog({
    service: 'antiphon',
    version: '0.0.0',
    level: 'debug',
    redact: redactor(config.secrets),
    clock,
    stream: {
      write(line) {
        logged += line;
      },
    },
  });
  const now = { file };
  const read = (settings?: RuntimeSettings) => configOf(now.file, variables, settings);
  const source = { read, check: read };
  const running = await start(config, log, { clock, source, ...(memory ? { memory } : {}) });
  const { grpc, http, metrics } = running.addresses;
  return {
    ...running,
    config,
    grpcPort: portOf(grpc),
    httpPort: portOf(http),
    lines: () =>
      logged
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    write(text) {
      now.file = text;
    },
    logText: () => logged,
    metrics: async () => (await fetch(`http://${metrics}/metrics`)).text(),
  };
}

/**
 * The environment for one OpenAI-compatible provider, called `test`, with the model `test-model` as its default. Nothing
 * is tried twice, so that a test sees what one try does.
 */
export const providerAt = (url: string): Record<string, string> => ({
  LLM_PROVIDER: 'test',
  LLM_BASE_URL: url,
  LLM_API_KEY: 'sk-test-key-of-the-gateway',
  LLM_DEFAULT_MODEL: 'test-model',
  ALLOWED_MODELS: 'test/*',
  LLM_MAX_RETRIES: '0',
});
