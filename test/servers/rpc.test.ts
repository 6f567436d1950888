import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { CallContextSchema } from '#gen/antiphon/v1/completion_pb.js';
import { anonymous } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type Arrival, Calls, type Work } from '../../src/servers/rpc.ts';
import type { DoorTools } from '../../src/servers/settings.ts';
import type { Inbound } from '../../src/services/service.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { hang, type LoggedError, SECRET, seenTracing } from './scripted.ts';

function setup(tools: Partial<DoorTools> = {}) {
  const clock = fakeClock();
  const tracing = seenTracing();
  const logged: LoggedError[] = [];
  const calls = new Calls({
    clock,
    tracing,
    access: { authenticate: () => anonymous },
    redact: (text) => text.replaceAll(SECRET, '***'),
    log: { error: (fields, message) => logged.push({ fields, message }) },
    newId: () => 'call-1',
    ...tools,
  });
  return { calls, clock, tracing, logged };
}

const arrival = (overrides: Partial<Arrival> = {}): Arrival => ({
  method: 'antiphon.v1.LlmService/Complete',
  system: 'grpc',
  fields: undefined,
  caller: anonymous,
  header: () => undefined,
  deadlineMs: undefined,
  ...overrides,
});

/** Keeps the answer; `ok` and `error` are called once between them. */
function recorder() {
  const answers: unknown[] = [];
  return {
    answers,
    ok: (value: unknown, headers: unknown) => void answers.push({ value, headers }),
    error: (status: { code: number; message: string }, headers: unknown) => void answers.push({ status, headers }),
  };
}

const HEADERS = { 'x-request-id': 'call-1', 'x-trace-id': 'trace-made', 'x-session-id': 'session-made' };

test('an answer comes with the ids of the call, and its span is ended with OK', async () => {
  const { calls, tracing, clock } = setup();
  const reply = recorder();
  let seen: Inbound | undefined;
  calls.run(
    arrival({ deadlineMs: 9_000 }),
    async (inbound) => {
      seen = inbound;
      return 'yes';
    },
    reply,
  );
  expect(calls.active).toBe(1);
  await calls.idle();
  expect(calls.active).toBe(0);
  expect(reply.answers).toEqual([{ value: 'yes', headers: HEADERS }]);
  expect(seen).toMatchObject({ id: 'call-1', deadlineMs: 9_000, receivedMs: clock.now() });
  expect(tracing.spans).toMatchObject([{ ended: 1, failedAs: undefined, attributes: { 'rpc.status_code': 'OK' } }]);
});

test.each([
  ['model_not_found', 'NOT_FOUND', undefined],
  ['cancelled', 'CANCELLED', undefined],
  ['upstream_reset', 'UNAVAILABLE', 'upstream_reset'],
  ['deadline_exceeded', 'DEADLINE_EXCEEDED', 'deadline_exceeded'],
  ['internal', 'INTERNAL', 'internal'],
] as const)('%s ends the span with %s', async (kind, name, failedAs) => {
  const { calls, tracing } = setup();
  const reply = recorder();
  calls.run(arrival(), () => Promise.reject(new GatewayError(kind, 'No.')), reply);
  await calls.idle();
  expect(reply.answers).toMatchObject([{ status: { message: 'No.' }, headers: HEADERS }]);
  expect(tracing.spans).toMatchObject([{ ended: 1, failedAs, attributes: { 'rpc.status_code': name } }]);
});

describe('a defect', () => {
  const defects: [string, Work<never>][] = [
    ['rejection', () => Promise.reject(new TypeError(`hush ${SECRET} prompt`))],
    [
      'throw',
      () => {
        throw new TypeError(`hush ${SECRET} prompt`);
      },
    ],
  ];
  test.each(defects)('by %s is told as internal, and logged without what it says', async (_name, work) => {
    const { calls, logged } = setup();
    const reply = recorder();
    calls.run(arrival(), work, reply);
    await calls.idle();
    expect(reply.answers).toMatchObject([{ status: { code: 13 }, headers: HEADERS }]);
    expect(logged).toMatchObject([{ fields: { request_id: 'call-1', error: { name: 'TypeError' } } }]);
    expect(JSON.stringify(logged) + (reply.answers[0] as { status: { message: string } }).status.message).not.toMatch(
      /hush|canary|prompt/,
    );
    expect(logged[0]?.fields.error).toMatchObject({ at: expect.stringMatching(/rpc\.test/) });
  });

  test('of the tracing is an answer too', async () => {
    const broken = () => {
      throw new Error('no tracer');
    };
    const { calls } = setup({ tracing: { open: broken } });
    const reply = recorder();
    calls.run(arrival(), async () => 'never', reply);
    await calls.idle();
    expect(reply.answers).toMatchObject([{ status: { code: 13 }, headers: {} }]);
  });

  test('in answering becomes an error answer, and one in that is logged', async () => {
    const { calls, logged } = setup();
    const broken = () => {
      throw new Error('bad header');
    };
    const reply = recorder();
    calls.run(arrival(), async () => 'yes', { ...reply, ok: broken });
    await calls.idle();
    expect(reply.answers).toMatchObject([{ status: { code: 13 } }]);
    calls.run(arrival(), async () => 'yes', { ok: broken, error: broken });
    await calls.idle();
    expect(logged.map(({ message }) => message)).toEqual([
      'a call failed',
      'a call failed',
      'a call could not be answered',
    ]);
  });
});

test.each([
  ['long before the deadline', 9_000, 0, 'cancelled'],
  ['without a deadline', undefined, 0, 'cancelled'],
  ['at the deadline', 9_000, 8_000, 'deadline_exceeded'],
  ['just before it', 9_000, 7_985, 'deadline_exceeded'],
])('a caller that goes %s', async (_name, deadlineMs, advanceMs, kind) => {
  const { calls, clock } = setup();
  const reply = recorder();
  let signal: AbortSignal | undefined;
  const running = calls.run(
    arrival({ deadlineMs }),
    (inbound) => {
      signal = inbound.signal;
      return hang(inbound);
    },
    reply,
  );
  clock.advance(advanceMs);
  running.callerGone();
  running.callerGone();
  expect(signal?.reason).toMatchObject({ kind });
  expect(reply.answers).toHaveLength(1);
  await calls.idle();
  expect(reply.answers).toHaveLength(1);
});

test('a caller that goes after the answer changes nothing', async () => {
  const { calls, tracing } = setup();
  const reply = recorder();
  let signal: AbortSignal | undefined;
  const running = calls.run(
    arrival(),
    async (inbound) => {
      signal = inbound.signal;
    },
    reply,
  );
  await calls.idle();
  running.callerGone();
  expect(signal?.aborted).toBe(false);
  expect(reply.answers).toHaveLength(1);
  expect(tracing.spans).toMatchObject([{ ended: 1 }]);
});

test('abortAll answers at once with its error, also where the work fails with another or goes on', async () => {
  const { calls } = setup();
  const reply = recorder();
  const slow = Promise.withResolvers<string>();
  calls.run(arrival(), () => slow.promise, reply);
  calls.run(arrival(), ({ signal }) => hang({ signal } as Inbound).catch(() => Promise.reject(new Error('x'))), reply);
  calls.abortAll(new GatewayError('shutting_down', 'Stopping.'));
  const unavailable = { status: { code: 14, message: 'Stopping.' } };
  expect(reply.answers).toMatchObject([unavailable, unavailable]);
  await new Promise(setImmediate);
  expect(calls.active).toBe(1);
  slow.resolve('late');
  await calls.idle();
  expect(reply.answers).toHaveLength(2);
});

test('what cannot stand in a header is left out', async () => {
  const { spans, ...tracing } = seenTracing();
  const context = create(CallContextSchema, { traceId: 'ok', sourceAgent: 'nö', sessionId: 'a\r\nb' });
  const open: DoorTools['tracing']['open'] = (call) => ({ ...tracing.open(call), context });
  const { calls } = setup({ tracing: { open } });
  const reply = recorder();
  calls.run(arrival(), async () => 'yes', reply);
  await calls.idle();
  expect(reply.answers).toMatchObject([{ headers: { 'x-request-id': 'call-1', 'x-trace-id': 'ok' } }]);
  expect(Object.keys((reply.answers[0] as { headers: object }).headers)).toHaveLength(2);
});
