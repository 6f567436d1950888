import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import type { Clock } from '../core/clock.ts';
import type { Redact } from '../core/redact.ts';
import type { CostStatusName } from './cost.ts';
import { type LoggedError, loggedError, plainText } from './plain-text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LogFields = Readonly<Record<string, unknown>>;

/** All that the line of a call may say. Ids are of the call, times in milliseconds. */
export interface CallLine {
  readonly request_id: string;
  readonly trace_id: string;
  readonly source_agent: string | undefined;
  readonly session_id: string | undefined;
  readonly caller: string;
  /** That of the caller's key. */
  readonly team: string | undefined;
  readonly method: string;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  /** Why it went there. */
  readonly selection: string | undefined;
  /** The operator's rule that it went by. */
  readonly rule: string | undefined;
  readonly request_type: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** The name of the gRPC status. */
  readonly status: string;
  readonly error_reason: string | undefined;
  readonly error_cause: LoggedError | undefined;
  readonly finish_reason: string | undefined;
  readonly duration_ms: number;
  readonly ttft_ms: number | undefined;
  readonly gateway_ms: number;
  readonly queued_ms: number | undefined;
  readonly input_tokens: number | undefined;
  readonly output_tokens: number | undefined;
  readonly cached_input_tokens: number | undefined;
  readonly cache_write_tokens: number | undefined;
  readonly reasoning_tokens: number | undefined;
  readonly tokens_estimated: boolean | undefined;
  readonly cost_status: CostStatusName | undefined;
  /** Thousand-millionths of a US dollar, all tries together. */
  readonly cost_nano_usd: number | undefined;
  /** What the cache did, if it was used. */
  readonly cache: string | undefined;
  readonly attempts: number;
  /** How often it went on to another model. */
  readonly fallbacks: number | undefined;
  readonly warnings: number | undefined;
  /** Messages that the model did not get, since they did not fit into its context. */
  readonly messages_left_out: number | undefined;
  readonly upstream_status: number | undefined;
  readonly upstream_code: string | undefined;
  readonly upstream_request_id: string | undefined;
}

/**
 * Writes lines of JSON. Secrets are masked in all text it is given, and of an Error in the fields only what may be
 * known is written.
 */
export interface Logger {
  debug(fields: LogFields, msg: string): void;
  info(fields: LogFields, msg: string): void;
  warn(fields: LogFields, msg: string): void;
  error(fields: LogFields, msg: string): void;
}

/** The log of the process. */
export interface Log extends Logger {
  /** Writes the one line of a call, with the `msg` "call". Its text must be masked already. */
  callLine(level: LogLevel, line: CallLine): void;
  /** Writes what is still buffered, at once. */
  close(): void;
}

export interface LogOptions {
  readonly service: string;
  readonly version: string;
  /** The least serious lines that are written. */
  readonly level: LogLevel | 'silent';
  readonly redact: Redact;
  readonly clock: Clock;
  /** Where lines go instead of the standard output. */
  readonly stream?: DestinationStream;
}

/** A write for each line would cost more than the line: a system call, and a thread to make it. */
const WRITTEN_AT_ONCE_BYTES = 16 * 1024 - 1;
const WRITTEN_AT_LEAST_EVERY_MS = 100;

/** When the reader of the log is this far behind, lines are dropped rather than kept or waited for. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/** Makes the log of the process. Its lines go to the standard output, without anyone waiting for them. */
export function createLog({ service, version, level, redact, clock, stream }: LogOptions): Log {
  const dropped = (lines: number) => logger.warn({ lines }, 'log lines were dropped: nobody reads them fast enough');
  const output = stream ? { stream, close: () => undefined } : standardOutput(dropped);
  const time = isoTime(clock);
  const base = `,${JSON.stringify({ service, version }).slice(1, -1)},`;
  const logger = pino(
    {
      level,
      base: { service, version },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: time,
    },
    output.stream,
  );
  return {
    ...masking(logger, redact),
    // As pino would write it. Its text is masked, so the one line of every call can have the faster serializer.
    callLine(level, line) {
      if (!logger.isLevelEnabled(level)) return;
      output.stream.write(`{"level":"${level}"${time()}${base}${JSON.stringify(line).slice(1, -1)},"msg":"call"}\n`);
    },
    close: output.close,
  };
}

/** The time as pino wants it. What the lines of one second share is made once. */
function isoTime(clock: Clock): () => string {
  let second = Number.NaN;
  let upToSecond = '';
  return () => {
    const ms = clock.wallMs();
    if (Math.floor(ms / 1000) !== second) {
      second = Math.floor(ms / 1000);
      upToSecond = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    }
    const rest = Math.floor(ms) % 1000;
    return `,"time":"${upToSecond}${rest.toString().padStart(3, '0')}Z"`;
  };
}

function masking(logger: PinoLogger, redact: Redact): Logger {
  const write = (level: LogLevel) => (fields: LogFields, msg: string) => {
    if (!logger.isLevelEnabled(level)) return;
    logger[level](masked(fields, redact, MAX_DEPTH), plainText(msg, redact, MAX_TEXT));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

const MAX_TEXT = 2_000;
const MAX_ITEMS = 100;
const MAX_DEPTH = 4;

function masked(value: unknown, redact: Redact, depth: number): unknown {
  if (typeof value === 'string') return plainText(value, redact, MAX_TEXT);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return loggedError(value, redact);
  if (depth === 0) return '...';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => masked(item, redact, depth - 1));
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(entries.map(([key, inner]) => [key, masked(inner, redact, depth - 1)]));
}

/** Tells how many lines were dropped as soon as there is room again. */
function standardOutput(onDropped: (lines: number) => void): { stream: DestinationStream; close: () => void } {
  const stream = fileDestination({
    dest: 1,
    sync: false,
    minLength: WRITTEN_AT_ONCE_BYTES,
    periodicFlush: WRITTEN_AT_LEAST_EVERY_MS,
    maxLength: MAX_BUFFERED_BYTES,
  });
  let dropped = 0;
  stream.on('drop', () => {
    dropped++;
  });
  stream.on('drain', () => {
    if (dropped > 0) onDropped(dropped);
    dropped = 0;
  });
  return {
    stream,
    close() {
      try {
        stream.flushSync();
      } catch {
        // The output is gone, and with it whoever could be told.
      }
    },
  };
}
