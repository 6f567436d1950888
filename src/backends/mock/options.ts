import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type ErrorKind, errorKinds, GatewayError } from '../../core/errors.ts';

export interface MockSettings {
  readonly seed: number;
  /** Until the first token. */
  readonly latencyMs: number;
  /** 0: as fast as it can. */
  readonly tokensPerSecond: number;
  /** The share of requests that fail, from 0 to 1. */
  readonly errorRate: number;
}

/** What one request asks of the mock, through `provider_options["mock"]`. */
export interface MockScript extends MockSettings {
  /** The answer's text. Undefined: an echo. */
  readonly reply: string | undefined;
  readonly fault: { readonly kind: ErrorKind; readonly afterTokens: number } | undefined;
}

const LONGEST_MS = 600_000;

type Check<T> = { expects: string; take(value: JsonValue): T | undefined };

const numberIn = (low: number, high: number): Check<number> => ({
  expects: `a number from ${low} to ${high}`,
  take: (value) => (typeof value === 'number' && value >= low && value <= high ? value : undefined),
});

const text: Check<string> = {
  expects: 'text',
  take: (value) => (typeof value === 'string' ? value : undefined),
};

const errorKind: Check<ErrorKind> = {
  expects: `one of ${errorKinds.join(', ')}`,
  take: (value) => errorKinds.find((kind) => kind === value),
};

/** Reads the script of a request; what it leaves out is as configured. Errors: `invalid_request` with field paths. */
export function mockScript(settings: MockSettings, provider: string, options: JsonObject = {}): MockScript {
  const read = reader(`provider_options["${provider}"]`, options);
  const kind = read('fault', errorKind);
  const afterTokens = read('fault_after_tokens', numberIn(0, 1e6)) ?? 0;
  const script = {
    seed: read('seed', numberIn(0, 2 ** 32 - 1)) ?? settings.seed,
    latencyMs: read('latency_ms', numberIn(0, LONGEST_MS)) ?? settings.latencyMs,
    tokensPerSecond: read('tokens_per_second', numberIn(0, 1e6)) ?? settings.tokensPerSecond,
    errorRate: read('error_rate', numberIn(0, 1)) ?? settings.errorRate,
    reply: read('reply', text),
    fault: kind && { kind, afterTokens },
  };
  const unread = Object.keys(options).find((key) => !KNOWN.has(key));
  if (unread !== undefined)
    throw refused(`provider_options["${provider}"].${unread.slice(0, 64)}`, `is not one of ${[...KNOWN].join(', ')}`);
  return script;
}

const KNOWN: ReadonlySet<string> = new Set([
  'seed',
  'latency_ms',
  'tokens_per_second',
  'error_rate',
  'reply',
  'fault',
  'fault_after_tokens',
]);

const reader =
  (path: string, options: JsonObject) =>
  <T>(key: string, check: Check<T>): T | undefined => {
    const value = Object.hasOwn(options, key) ? options[key] : undefined;
    if (value === undefined) return undefined;
    const taken = check.take(value);
    if (taken === undefined) throw refused(`${path}.${key}`, `must be ${check.expects}`);
    return taken;
  };

const refused = (field: string, description: string) =>
  new GatewayError('invalid_request', `The request is not valid: ${field} ${description}.`, {
    violations: [{ field, description }],
  });
