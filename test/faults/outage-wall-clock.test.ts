import { durationMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Line } from '../support/upstream.ts';
import { expectOver } from './outage-checks.ts';
import {
  type Asking,
  alone,
  answerWhole,
  byRoute,
  type Call,
  ending,
  isStream,
  type Stage,
  scripted,
  setStage,
} from './outage-stage.ts';
import type { How, Reply } from './upstream-scene.ts';

const HOUR_MS = 3_600_000;
const JUMPS = [HOUR_MS, -HOUR_MS, 0, -HOUR_MS, HOUR_MS] as const;

const refuse =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  (line: Line) =>
    line.json(status, { error: { code, type: code, message: 'Not now.' } }, headers);

const hang = (line: Line): void => {
  if (!isStream(line)) return;
  line.startStream();
  line.text('It begins, and ');
};

interface Step {
  readonly how: How;
  readonly asking: Asking;
  /** What the first provider does, request by request. */
  readonly script: readonly ((line: Line) => void)[];
  readonly call?: Call;
}

const overloaded = refuse(503, 'overloaded_error');

/** Everything that waits, counts time, or remembers until when. */
const steps: readonly Step[] = [
  { how: 'unary', asking: alone, script: [answerWhole] },
  {
    how: 'stream',
    asking: alone,
    script: [refuse(429, 'rate_limit_exceeded', { 'retry-after-ms': '40' }), answerWhole],
  },
  { how: 'unary', asking: alone, script: [overloaded, answerWhole] },
  { how: 'stream', asking: byRoute, script: [refuse(429, 'rate_limit_exceeded', { 'retry-after': '3000' })] },
  { how: 'unary', asking: byRoute, script: [] },
  { how: 'unary', asking: alone, script: [hang, hang] },
  { how: 'stream', asking: alone, script: [hang] },
  { how: 'unary', asking: alone, script: [hang], call: { timeoutMs: 400 } },
  { how: 'unary', asking: alone, script: [hang], call: { timeoutMs: 400, door: 'connect' } },
  { how: 'stream', asking: alone, script: [answerWhole], call: { timeoutMs: 20_000 } },
  { how: 'unary', asking: alone, script: [answerWhole], call: { timeoutMs: 20_000, door: 'connect' } },
  { how: 'unary', asking: alone, script: [overloaded, overloaded, overloaded, overloaded] },
  { how: 'stream', asking: alone, script: [overloaded, overloaded, overloaded, overloaded] },
  { how: 'unary', asking: byRoute, script: [] },
];

const told = (text = '') => text.replace(/\d+ ms/, 'N ms');

/** What came of a call, without what differs from one run to the next. */
function outcomeOf(reply: Reply, { first, second }: Stage) {
  const { error } = reply;
  const { attempts, selectionReason } = ending(reply) ?? error?.callFailure ?? {};
  return {
    code: error?.code ?? 0,
    attempts: attempts?.map(({ provider, errorReason, leftBecause }) => [provider, errorReason, told(leftBecause)]),
    selectionReason,
    isToldToWait: error?.retryInfo !== undefined,
    first: first.calls,
    second: second.received.length,
  };
}

type Outcome = ReturnType<typeof outcomeOf>;

/** No time that the caller or the log is told is negative, or longer than the test. */
function expectPlausible(reply: Reply, { gateway }: Stage): void {
  const { attempts = [] } = ending(reply) ?? reply.error?.callFailure ?? {};
  const timing = ending(reply)?.timing;
  const durations = [...attempts.map(({ duration }) => duration), timing?.total, timing?.gateway, timing?.toFirstToken];
  const times = durations.flatMap((duration) => (duration ? [durationMs(duration)] : []));
  const lines = gateway.lines().filter(({ msg }) => msg === 'call');
  times.push(...lines.flatMap(({ duration_ms, gateway_ms }) => [Number(duration_ms), Number(gateway_ms)]));
  expect(times.length).toBeGreaterThan(0);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...times)).toBeLessThan(60_000);
}

interface Disturbed {
  readonly clock?: Clock;
  /** Runs whenever the first provider is asked. */
  readonly jump?: () => void;
}

/** Makes these calls, and tells what came of each. */
async function run(some: readonly Step[], { clock, jump = () => undefined }: Disturbed = {}): Promise<Outcome[]> {
  const scripts: ((line: Line) => void)[] = [];
  const first = await scripted((line) => {
    jump();
    (scripts.shift() ?? answerWhole)(line);
  });
  const timeouts = { total_ms: 700, first_token_ms: 700, idle_ms: 700 };
  const stage = await setStage(first, { timeouts, ...(clock ? { clock } : {}) });
  const outcomes: Outcome[] = [];
  for (const { how, asking, script, call } of some) {
    scripts.splice(0, scripts.length, ...script);
    const reply = await stage.ask(how, asking, call);
    outcomes.push(outcomeOf(reply, stage));
    expectPlausible(reply, stage);
  }
  await expectOver(stage);
  return outcomes;
}

const codes = (outcomes: readonly Outcome[]) => outcomes.map(({ code }) => code);

describe('row 77: a wall clock that jumps by an hour, forward and back,', () => {
  it('changes nothing when it does so each time that the gateway reads it', async () => {
    // A deadline of gRPC comes as a time of the process's own wall clock, which this is not.
    const some = steps.filter(({ call }) => call?.timeoutMs === undefined || call.door === 'connect');
    const steady = await run(some);
    expect(codes(steady)).toEqual([0, 0, 0, 0, 0, 14, 14, 4, 0, 14, 14, 0]);
    let read = 0;
    const clock = { ...systemClock, wallMs: () => Date.now() + (JUMPS[read++ % JUMPS.length] ?? 0) };
    expect(await run(some, { clock })).toEqual(steady);
    expect(read).toBeGreaterThan(some.length);
  });

  it('changes nothing when it does so for the whole process, while a call is with the provider', async () => {
    const steady = await run(steps);
    expect(codes(steady)).toEqual([0, 0, 0, 0, 0, 14, 14, 4, 4, 0, 0, 14, 14, 0]);
    const now = Date.now.bind(Date);
    let jumps = 0;
    const spy = vi.spyOn(Date, 'now').mockImplementation(() => now() + (JUMPS[jumps % JUMPS.length] ?? 0));
    onTestFinished(() => spy.mockRestore());
    expect(await run(steps, { jump: () => void jumps++ })).toEqual(steady);
    expect(jumps).toBeGreaterThan(steps.length);
  });
});
