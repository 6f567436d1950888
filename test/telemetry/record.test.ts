import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  CacheStatus,
  CallContextSchema,
  CompleteRequestSchema,
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
  FinishReason,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { anonymous, type Call, newTrail } from '../../src/core/call.ts';
import { type ErrorFacts, type ErrorKind, errorKinds, GatewayError } from '../../src/core/errors.ts';
import type { Sink } from '../../src/core/events.ts';
import { redactor } from '../../src/core/redact.ts';
import { noSpan } from '../../src/core/span.ts';
import { mocked } from '../../src/core/warnings.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { CallMeasure } from '../../src/telemetry/metrics.ts';
import { callOutcome } from '../../src/telemetry/outcome.ts';
import { type CallOutcome, recorder } from '../../src/telemetry/record.ts';
import { testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const CANARY = 'canary-5f3a9c';
const TARGET = { provider: 'openai', model: 'gpt-6-luna' };
const BASE = { level: 'info', time: '2023-11-14T22:13:21.000Z', service: 'antiphon', version: '1.2.3', msg: 'call' };

function recording() {
  const lines: string[] = [];
  const measures: CallMeasure[] = [];
  const redact = redactor([CANARY]);
  const stream = { write: (line: string) => void lines.push(line) };
  const log = createLog({ service: 'antiphon', version: '1.2.3', level: 'debug', redact, clock: fakeClock(), stream });
  const record = recorder({ metrics: { finished: (measure) => void measures.push(measure) }, log, redact });
  return { record, lines, measures, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const outcome = (values: Partial<CallOutcome> = {}): CallOutcome => ({
  callId: 'call-1',
  context: create(CallContextSchema, { traceId: 'a'.repeat(32) }),
  caller: 'anonymous',
  method: 'antiphon.v1.LlmService/Complete',
  target: TARGET,
  startedMs: 1000,
  endedMs: 1500.12345,
  warnings: 0,
  attempts: [create(AttemptSchema)],
  requestType: '',
  labels: {},
  ...values,
});

const usage = create(UsageSchema, {
  inputTokens: 100n,
  outputTokens: 50n,
  cachedInputTokens: 30n,
  cacheWriteTokens: 20n,
  reasoningTokens: 10n,
  estimated: true,
});

const cost = create(CostSchema, {
  status: CostStatus.PRICED,
  totalNanoUsd: 123_456n,
  inputNanoUsd: 23_456n,
  outputNanoUsd: 100_000n,
});

const failed = (kind: ErrorKind, facts?: ErrorFacts) => outcome({ error: new GatewayError(kind, 'It failed.', facts) });

describe('the line of a call', () => {
  it('that succeeded has exactly what is known', () => {
    const { record, parsed } = recording();
    record(outcome());
    expect(parsed()).toEqual([
      {
        ...BASE,
        request_id: 'call-1',
        trace_id: 'a'.repeat(32),
        caller: 'anonymous',
        method: 'antiphon.v1.LlmService/Complete',
        provider: 'openai',
        model: 'gpt-6-luna',
        status: 'OK',
        attempts: 1,
        duration_ms: 500.123,
        gateway_ms: 500.123,
      },
    ]);
  });

  it('has every field there may be', () => {
    const { record, parsed } = recording();
    const context = create(CallContextSchema, { traceId: 'req-42', sourceAgent: 'planner', sessionId: 's-1' });
    const rest = { firstTokenAtMs: 1030, upstreamMs: 499, usage, cost, finishReason: FinishReason.TOOL_CALLS };
    const way = { selectionReason: 'tier balanced', rule: 'batch', queuedMs: 0.5, fallbacks: 1 };
    const attempts = [create(AttemptSchema), create(AttemptSchema), create(AttemptSchema)];
    const asked = { requestType: 'summary', labels: { team: 'search' } };
    record(outcome({ context, ...rest, ...way, ...asked, warnings: 2, attempts }));
    expect(parsed()[0]).toMatchObject({
      trace_id: 'req-42',
      source_agent: 'planner',
      session_id: 's-1',
      request_type: 'summary',
      labels: { team: 'search' },
      finish_reason: 'tool_calls',
      ttft_ms: 30,
      gateway_ms: 1.123,
      queued_ms: 0.5,
      selection: 'tier balanced',
      rule: 'batch',
      fallbacks: 1,
      input_tokens: 100,
      output_tokens: 50,
      cached_input_tokens: 30,
      cache_write_tokens: 20,
      reasoning_tokens: 10,
      tokens_estimated: true,
      cost_status: 'priced',
      cost_nano_usd: 123_456,
      warnings: 2,
      attempts: 3,
    });
  });

  it('without a price has what other tries cost, if that is known', () => {
    const { record, parsed } = recording();
    record(outcome({ cost: create(CostSchema, { status: CostStatus.UNPRICED, otherAttemptsNanoUsd: 7n }) }));
    expect(parsed()[0]).toMatchObject({ cost_status: 'unpriced', cost_nano_usd: 7 });
  });

  it('without a price says so, and names no amount', () => {
    const { record, parsed } = recording();
    record(outcome({ cost: create(CostSchema, { status: CostStatus.UNPRICED }) }));
    expect(parsed()[0]).toMatchObject({ cost_status: 'unpriced' });
    expect(parsed()[0]).not.toHaveProperty('cost_nano_usd');
  });

  it('that failed says why, and what the provider calls it', () => {
    const { record, parsed } = recording();
    const cause = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    const facts = { upstreamStatus: 503, upstreamCode: 'overloaded', upstreamRequestId: 'req_1', cause };
    record(failed('upstream_overloaded', { ...facts, detail: 'their words', target: TARGET }));
    expect(parsed()).toEqual([
      {
        ...BASE,
        level: 'warn',
        request_id: 'call-1',
        trace_id: 'a'.repeat(32),
        caller: 'anonymous',
        method: 'antiphon.v1.LlmService/Complete',
        provider: 'openai',
        model: 'gpt-6-luna',
        status: 'UNAVAILABLE',
        error_reason: 'UPSTREAM_OVERLOADED',
        error_cause: { name: 'Error', code: 'ECONNRESET', at: expect.stringContaining('record.test.ts') },
        attempts: 1,
        upstream_status: 503,
        upstream_code: 'overloaded',
        upstream_request_id: 'req_1',
        duration_ms: 500.123,
        gateway_ms: 500.123,
      },
    ]);
  });

  it('refused before it had a target is whole, too', () => {
    const { record, parsed } = recording();
    record(outcome({ target: undefined, attempts: [], error: new GatewayError('invalid_request', 'Bad.') }));
    expect(parsed()[0]).not.toHaveProperty('provider');
    expect(parsed()[0]).toMatchObject({ status: 'INVALID_ARGUMENT', error_reason: 'INVALID_REQUEST', attempts: 0 });
  });

  it('of a refused model is a warning with who asked for it', () => {
    const { record, parsed, measures } = recording();
    const context = create(CallContextSchema, { traceId: 'b'.repeat(32), sourceAgent: 'planner' });
    record({ ...failed('model_not_allowed'), context });
    expect(parsed()).toHaveLength(1);
    expect(parsed()[0]).toMatchObject({
      level: 'warn',
      error_reason: 'MODEL_NOT_ALLOWED',
      status: 'PERMISSION_DENIED',
      trace_id: 'b'.repeat(32),
      source_agent: 'planner',
    });
    expect(measures[0]?.error).toBe('model_not_allowed');
  });

  it('of a defect has the place', () => {
    const { record, parsed } = recording();
    record(failed('internal', { cause: new TypeError(`x is "${CANARY}"`) }));
    expect(parsed()[0]?.error_cause).toEqual({
      name: 'TypeError',
      at: expect.stringMatching(/^telemetry.record\.test\.ts:\d+:\d+$/),
    });
  });
});

describe('text', () => {
  const long = `${'a '.repeat(300)}b`;
  const table: [string, Partial<CallOutcome>, Record<string, string>][] = [
    ['a model with a control character', { target: { ...TARGET, model: 'a\x9bb' } }, { model: 'a\\u009bb' }],
    ['a long model', { target: { ...TARGET, model: long } }, { model: `${long.slice(0, 253)}...` }],
    ['a long reason', { selectionReason: long }, { selection: `${long.slice(0, 253)}...` }],
    ['a long request type', { requestType: long }, { request_type: `${long.slice(0, 61)}...` }],
    ['a secret in one of them', { requestType: CANARY }, { request_type: '[redacted]', caller: 'anonymous' }],
  ];
  it.each(table)('%s', (_, values, expected) => {
    const { record, parsed } = recording();
    record(outcome(values));
    expect(parsed()[0]).toMatchObject(expected);
  });
});

describe('levels', () => {
  const expected = new Map<ErrorKind, string>([
    ['internal', 'error'],
    ['cancelled', 'info'],
    ['invalid_request', 'info'],
    ['deadline_exceeded', 'info'],
    ['rate_limited', 'warn'],
    ['upstream_error', 'warn'],
    ['upstream_auth', 'warn'],
  ]);
  it.each([...expected])('%s is %s', (kind, level) => {
    const { record, parsed } = recording();
    record(failed(kind));
    expect(parsed()[0]?.level).toBe(level);
  });
});

describe('no secret and no words of others', () => {
  it('whatever the caller and the provider write', () => {
    const { record, lines } = recording();
    const words = `sk-live-0123456789 ${CANARY}`;
    const cause = Object.assign(new Error(words), { code: words, name: words });
    const facts = { cause, detail: words, upstreamCode: words, upstreamRequestId: words, target: TARGET };
    const context = create(CallContextSchema, { traceId: words, sourceAgent: words, sessionId: words });
    const text = {
      caller: words,
      selectionReason: words,
      rule: words,
      requestType: words,
      labels: { [words]: words },
      target: { ...TARGET, model: words },
    };
    for (const kind of errorKinds) record({ ...failed(kind, facts), context, ...text });
    expect(lines).toHaveLength(errorKinds.length);
    expect(lines.join()).toContain('[redacted]');
    for (const secret of [CANARY, 'sk-live']) expect(lines.join()).not.toContain(secret);
  });

  it("nor the provider's own words, nor the message for the caller", () => {
    const { record, lines } = recording();
    const error = new GatewayError('upstream_rejected', 'the message', { detail: 'the detail' });
    record(outcome({ error }));
    expect(lines.join()).not.toMatch(/the (message|detail)/);
  });

  it('and a refused request of any size makes a small line', () => {
    const { record, lines } = recording();
    const long = 'ä\x9b '.repeat(2000);
    const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${i}${long}`, long]));
    record(outcome({ labels, requestType: long, target: { provider: 'openai', model: long } }));
    expect(lines[0]?.length).toBeLessThan(10_000);
    expect(lines[0]?.trimEnd()).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });
});

it('the metrics get the same times and cost', () => {
  const { record, measures } = recording();
  const attempts = [create(AttemptSchema)];
  record(outcome({ endedMs: 1500, firstTokenAtMs: 1030, upstreamMs: 600, usage, cost, attempts }));
  expect(measures).toEqual([
    { target: TARGET, error: undefined, durationMs: 500, firstTokenMs: 30, overheadMs: 0, usage, cost, attempts },
  ]);
});

it.each([
  [{ upstreamMs: 300 }, 200],
  [{ upstreamMs: 300, queuedMs: 150 }, 50],
  [{ upstreamMs: 300, queuedMs: 250 }, 0],
])('waiting is no work of the gateway: %j', (times, overheadMs) => {
  const { record, measures, parsed } = recording();
  record(outcome({ endedMs: 1500, ...times }));
  expect(measures[0]?.overheadMs).toBe(overheadMs);
  expect(parsed()[0]?.gateway_ms).toBe(200);
});

describe('the outcome of a completion', () => {
  const sink: Sink = { emit: () => true, ready: () => Promise.resolve(), committed: true };
  const call = (values: Partial<Call> = {}): Call => ({
    ...testCall(),
    request: create(CompleteRequestSchema, { requestType: 'summary', labels: { a: 'b' } }),
    caller: anonymous,
    context: create(CallContextSchema, { traceId: 't' }),
    signal: new AbortController().signal,
    deadlineMs: undefined,
    receivedMs: 1000,
    span: noSpan,
    trail: newTrail(),
    target: undefined,
    ...values,
  });

  it('that gave a response', () => {
    const way = { selectionReason: 'the default model', rule: 'batch', queuedMs: 3, fallbacks: 2 };
    const trail = { ...newTrail(), target: TARGET, upstreamMs: 7, firstTokenAtMs: 1010, ...way };
    trail.attempts.push(create(AttemptSchema));
    trail.warnings.push(mocked());
    const response = create(CompleteResponseSchema, { usage, cost, finishReason: FinishReason.STOP });
    expect(callOutcome(call({ trail, sink }), 1500, response)).toEqual({
      callId: 'call-1',
      context: create(CallContextSchema, { traceId: 't' }),
      caller: 'anonymous',
      team: '',
      method: 'antiphon.v1.LlmService/StreamComplete',
      target: TARGET,
      startedMs: 1000,
      endedMs: 1500,
      firstTokenAtMs: 1010,
      upstreamMs: 7,
      ...way,
      usage,
      cost,
      finishReason: FinishReason.STOP,
      error: undefined,
      warnings: 1,
      messagesLeftOut: 0,
      cacheStatus: CacheStatus.BYPASS,
      attempts: [create(AttemptSchema)],
      requestType: 'summary',
      labels: { a: 'b' },
    });
    expect(callOutcome(call({ trail }), 1500, response)).toMatchObject({
      method: 'antiphon.v1.LlmService/Complete',
      firstTokenAtMs: undefined,
    });
  });

  it('that failed has of its own words only those that keep their rules: it may be refused for the others', () => {
    const labels = { team: 'search', 'Project Nightingale': 'x', long: 'x'.repeat(257) };
    const request = create(CompleteRequestSchema, { requestType: 'Tell nobody.', labels });
    const error = new GatewayError('invalid_request', 'no');
    expect(callOutcome(call({ request }), 1500, error)).toMatchObject({ requestType: '', labels: { team: 'search' } });
    expect(callOutcome(call(), 1500, error)).toMatchObject({ requestType: 'summary', labels: { a: 'b' } });
  });

  it('counts all tries, whichever of them gave the answer', () => {
    const trail = { ...newTrail(), partialUsage: create(UsageSchema, { inputTokens: 1n }), partialCost: cost };
    const response = create(CompleteResponseSchema, { usage, cost });
    expect(callOutcome(call({ trail }), 1500, response)).toMatchObject({
      usage: { inputTokens: 101n, outputTokens: 50n, estimated: true },
      cost: { totalNanoUsd: 246_912n, otherAttemptsNanoUsd: 123_456n },
    });
    const nothing = create(CompleteResponseSchema);
    expect(callOutcome(call({ trail }), 1500, nothing)).toMatchObject({ usage: trail.partialUsage, cost });
    expect(callOutcome(call(), 1500, nothing)).toMatchObject({ usage: undefined, cost: undefined });
  });

  it('that failed', () => {
    const trail = { ...newTrail(), partialUsage: usage, partialCost: cost };
    const error = new GatewayError('model_not_allowed', 'No.', { target: TARGET });
    const expected = { error, usage, cost, finishReason: undefined, target: TARGET };
    expect(callOutcome(call({ trail }), 1500, error)).toMatchObject(expected);
    const other = { provider: 'local', model: 'nova' };
    expect(callOutcome(call({ trail: { ...trail, target: other } }), 1500, error).target).toBe(other);
  });
});
