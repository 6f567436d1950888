import {
  type Attempt,
  CacheStatus,
  type CallContext,
  type Cost,
  FinishReason,
  type Usage,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { GatewayError } from '../core/errors.ts';
import type { Redact } from '../core/redact.ts';
import type { Target } from '../core/target.ts';
import { readCost } from './cost.ts';
import { cacheStatusName } from './gen-ai.ts';
import type { CallLine, Log, LogLevel } from './log.ts';
import type { CallMetrics } from './metrics.ts';
import { isPlain, loggedError, plainText } from './plain-text.ts';
import { statusName } from './status.ts';

/** What there is to tell of a call that is over, or of one that was refused. Times are by the clock. */
export interface CallOutcome {
  readonly callId: string;
  readonly context: CallContext;
  /** The caller's name. */
  readonly caller: string;
  /** The team of its key. Empty: none. */
  readonly team?: string;
  /** The method's full name, for example "antiphon.v1.LlmService/Complete". */
  readonly method: string;
  /** Undefined: it was refused before it had one. */
  readonly target: Target | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
  /** When the first content of a streaming call came. */
  readonly firstTokenAtMs?: number | undefined;
  /** Time spent with providers. */
  readonly upstreamMs?: number | undefined;
  /** Time spent waiting for a turn. */
  readonly queuedMs?: number | undefined;
  /** Of all tries together. */
  readonly usage?: Usage | undefined;
  /** The same. Of a call that failed: what it will have cost, by estimate. */
  readonly cost?: Cost | undefined;
  readonly finishReason?: FinishReason | undefined;
  /** Undefined: it succeeded. */
  readonly error?: GatewayError | undefined;
  readonly warnings: number;
  /** Messages that the target did not get. */
  readonly messagesLeftOut?: number | undefined;
  readonly cacheStatus?: CacheStatus | undefined;
  readonly attempts: readonly Attempt[];
  /** How often it went on to another target. */
  readonly fallbacks?: number | undefined;
  /** Why it went where it went. */
  readonly selectionReason?: string | undefined;
  /** The operator's rule that it went by. */
  readonly rule?: string | undefined;
  readonly requestType: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface RecorderParts {
  readonly metrics: Pick<CallMetrics, 'finished'>;
  readonly log: Pick<Log, 'callLine'>;
  readonly redact: Redact;
}

/**
 * Makes the one function that keeps the record of calls, refused ones too: it counts the call and writes its one line.
 * Content and the provider's own words are never in it.
 */
export const recorder =
  ({ metrics, log, redact }: RecorderParts) =>
  (outcome: CallOutcome): void => {
    const { target, error, usage, cost, attempts, startedMs, endedMs, firstTokenAtMs } = outcome;
    const { upstreamMs = 0, queuedMs = 0 } = outcome;
    const durationMs = endedMs - startedMs;
    const gatewayMs = Math.max(durationMs - upstreamMs, 0);
    const overheadMs = Math.max(gatewayMs - queuedMs, 0);
    const firstTokenMs = firstTokenAtMs === undefined ? undefined : firstTokenAtMs - startedMs;
    metrics.finished({ target, error: error?.kind, durationMs, firstTokenMs, overheadMs, usage, cost, attempts });
    const times = {
      duration_ms: toMicroseconds(durationMs),
      ttft_ms: firstTokenMs === undefined ? undefined : toMicroseconds(firstTokenMs),
      gateway_ms: toMicroseconds(gatewayMs),
      queued_ms: queuedMs > 0 ? toMicroseconds(queuedMs) : undefined,
    };
    log.callLine(levelOf(error), {
      ...whoAndWhat(outcome, redact),
      ...howItEnded(outcome, redact),
      ...times,
      ...tokens(usage),
      ...money(cost),
    });
  };

/** Cancelling and asking for too much are ordinary; what an operator can mend is not. */
function levelOf(error: GatewayError | undefined): LogLevel {
  if (!error) return 'info';
  if (error.kind === 'internal') return 'error';
  return error.rule.fault === 'caller' ? 'info' : 'warn';
}

const toMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;

const MAX_ID = 128;
const MAX_MODEL = 256;
const MAX_SELECTION = 256;
const MAX_RULE = 64;
const MAX_REQUEST_TYPE = 64;
const MAX_LABELS = 16;
const MAX_LABEL_KEY = 64;
const MAX_LABEL = 256;

/** As long as all texts together may be to be looked at in one go. */
const MAX_SHORT = 512;

/**
 * Much of this was written by the caller, and a refused request may break every rule about it. Looking at all of it at
 * once is much cheaper than at one text after the other, and almost always enough.
 */
function whoAndWhat(outcome: CallOutcome, redact: Redact) {
  const { callId, target, caller, team = '', method, selectionReason = '', rule = '', requestType, labels } = outcome;
  const { traceId, sourceAgent, sessionId } = outcome.context;
  const model = target?.model ?? '';
  const all = [traceId, sourceAgent, sessionId, caller, team, model, selectionReason, rule, requestType].join('\n');
  const harmless = all.length <= MAX_SHORT && isPlain(all, redact);
  const text = (value: string, max: number) => (harmless ? value : plainText(value, redact, max)) || undefined;
  return {
    request_id: callId,
    trace_id: text(traceId, MAX_ID) ?? '',
    source_agent: text(sourceAgent, MAX_ID),
    session_id: text(sessionId, MAX_ID),
    caller: text(caller, MAX_ID) ?? '',
    team: text(team, MAX_ID),
    method,
    provider: target?.provider,
    model: text(model, MAX_MODEL),
    selection: text(selectionReason, MAX_SELECTION),
    rule: text(rule, MAX_RULE),
    request_type: text(requestType, MAX_REQUEST_TYPE),
    labels: someLabels(labels, redact),
  };
}

function someLabels(labels: Readonly<Record<string, string>>, redact: Redact): CallLine['labels'] {
  const entries = Object.entries(labels).slice(0, MAX_LABELS);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([key, value]) => [plainText(key, redact, MAX_LABEL_KEY), plainText(value, redact, MAX_LABEL)]),
  );
}

function howItEnded(outcome: CallOutcome, redact: Redact) {
  const { error, finishReason, attempts, fallbacks, warnings, messagesLeftOut } = outcome;
  const { cacheStatus = CacheStatus.BYPASS } = outcome;
  const { upstreamStatus, upstreamCode, upstreamRequestId, cause } = error?.facts ?? {};
  return {
    status: statusName(error?.rule.code),
    error_reason: error && ErrorReason[error.rule.reason],
    error_cause: cause === undefined ? undefined : loggedError(cause, redact),
    finish_reason: finishReason ? FinishReason[finishReason].toLowerCase() : undefined,
    cache: cacheStatus === CacheStatus.BYPASS ? undefined : cacheStatusName(cacheStatus),
    attempts: attempts.length,
    fallbacks: fallbacks || undefined,
    warnings: warnings || undefined,
    messages_left_out: messagesLeftOut || undefined,
    upstream_status: upstreamStatus,
    upstream_code: upstreamCode && plainText(upstreamCode, redact, MAX_ID),
    upstream_request_id: upstreamRequestId && plainText(upstreamRequestId, redact, MAX_ID),
  };
}

const tokens = (usage: Usage | undefined) => ({
  input_tokens: usage && Number(usage.inputTokens),
  output_tokens: usage && Number(usage.outputTokens),
  cached_input_tokens: usage && (Number(usage.cachedInputTokens) || undefined),
  cache_write_tokens: usage && (Number(usage.cacheWriteTokens) || undefined),
  reasoning_tokens: usage && (Number(usage.reasoningTokens) || undefined),
  tokens_estimated: usage?.estimated || undefined,
});

function money(cost: Cost | undefined): Pick<CallLine, 'cost_status' | 'cost_nano_usd'> {
  const { status, nanoUsd } = readCost(cost);
  return { cost_status: status, cost_nano_usd: nanoUsd };
}
