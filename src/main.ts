import type { Config } from './config/config.ts';
import { loadProcessConfig } from './config/environment.ts';
import { ConfigError } from './config/problem.ts';
import { systemClock } from './core/clock.ts';
import { LearningRedactor, type Redact } from './core/redact.ts';
import { greeting } from './greeting.ts';
import { KEYS_USAGE, keysCommand } from './keys-command.ts';
import { ConfigSource, type Reloads, reloads } from './reload.ts';
import { type Running, start } from './start.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { version } from './version.ts';

const USAGE = `Usage: antiphon [command]

  serve     start the gateway (the default)
  check     read the configuration, say what is wrong with it, and stop
  version   print the version
${KEYS_USAGE}
Settings come from the environment and, if ANTIPHON_CONFIG names one, a YAML file.
`;

/** Runs a command. The process ends with 0 if all went well, 1 if something failed, 2 if the command is not known. */
export async function main([command = 'serve', ...rest]: readonly string[]): Promise<void> {
  if (command === 'keys') return (await keysCommand(rest)) ? undefined : misused();
  if (rest.length > 0) return misused();
  switch (command) {
    case 'serve':
      return serve();
    case 'check':
      return check();
    case 'version':
    case '--version':
      process.stdout.write(`${version}\n`);
      return;
    case 'help':
    case '--help':
      process.stdout.write(USAGE);
      return;
    default:
      return misused();
  }
}

function misused(): void {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}

/** Undefined: it cannot be used, and that has been said. */
function configuration(read = loadProcessConfig): Config | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

function check(): void {
  const config = configuration();
  if (!config) return;
  const lines = ['The configuration is valid.', ...config.notices];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const logOf = ({ telemetry }: Config, redact: Redact): Log =>
  createLog({ service: telemetry.serviceName, version, level: telemetry.logLevel, redact, clock: systemClock });

async function serve(): Promise<void> {
  const source = new ConfigSource();
  const config = configuration(() => source.read());
  if (!config) return;
  const redactor = new LearningRedactor(config.secrets);
  const log = logOf(config, redactor.redact);
  const started = Promise.withResolvers<Reloads>();
  // From here on, so that one that comes during the start is no end: it is done when there is something to reload.
  process.on('SIGHUP', () => void started.promise.then(({ ask }) => ask()));
  try {
    const running = await start(config, log, { redactor, source });
    process.stderr.write(greeting(config, running.addresses));
    for (const notice of config.notices) log.info({ notice }, 'notice');
    const reloading = reloads(running, source, log);
    started.resolve(reloading);
    stopOnSignals(running, log, reloading);
    process.stdout.write(`${JSON.stringify({ msg: 'listening', ...running.addresses })}\n`);
  } catch (error) {
    process.stderr.write(`antiphon could not start: ${error instanceof Error ? error.message : 'unknown'}\n`);
    process.exit(1);
  }
}

/**
 * The first signal drains, a second one ends the process at once. A defect that nothing caught is logged, and the
 * process drains and ends with 1, so that its supervisor starts a fresh one.
 */
function stopOnSignals(running: Running, log: Log, reloading: Reloads): void {
  let stopping = false;
  const stop = async (exitCode: number) => {
    if (stopping) process.exit(exitCode || 1);
    stopping = true;
    reloading.close();
    await running.drain();
    log.close();
    process.exit(exitCode);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(0));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.error({ event, defect: error }, 'uncaught');
      void stop(1);
    });
  }
}
