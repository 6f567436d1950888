import { durationMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { Line } from '../support/upstream.ts';
import { expectOver, expectQuiet, failedTries, inWords } from './outage-checks.ts';
import { outcomes, type Reason } from './outage-row.ts';
import { BASE_MS, byRoute, contentOf, ending, scripted, setStage, WHOLE, withFallback } from './outage-stage.ts';
import { HOWS } from './upstream-scene.ts';

interface Trouble {
  readonly status: number;
  readonly code: string;
  readonly reason: Reason;
  /** How long it asks to be left alone, in milliseconds. */
  readonly waitMs?: number;
}

const troubles: readonly Trouble[] = [
  { status: 503, code: 'overloaded_error', reason: 'UPSTREAM_OVERLOADED' },
  { status: 500, code: 'server_error', reason: 'UPSTREAM_ERROR', waitMs: 30_000 },
  { status: 429, code: 'rate_limit_exceeded', reason: 'UPSTREAM_RATE_LIMITED', waitMs: 60_000 },
  { status: 401, code: 'invalid_api_key', reason: 'UPSTREAM_AUTH' },
  { status: 404, code: 'model_not_found', reason: 'UPSTREAM_NOT_FOUND' },
  { status: 400, code: 'context_length_exceeded', reason: 'CONTEXT_LENGTH_EXCEEDED' },
  { status: 400, code: 'invalid_request_error', reason: 'UPSTREAM_REJECTED' },
];

const refuse =
  ({ status, code, waitMs }: Trouble) =>
  (line: Line) =>
    line.json(
      status,
      { error: { code, type: code, message: 'No.' } },
      waitMs === undefined ? {} : { 'retry-after-ms': String(waitMs) },
    );

/** How often it is tried: what asks for more time than is waited for here is not tried again. */
const triesOf = ({ reason, waitMs }: Trouble, which: 'alone' | 'before'): number =>
  waitMs === undefined ? outcomes[reason][which] : 1;

const pairs = troubles
  .filter(({ reason }) => outcomes[reason].moves)
  .flatMap((one) => troubles.map((other) => ({ one, other, first: one.reason, second: other.reason })));

describe('two providers that fail', () => {
  it.each(pairs)('rows 13 to 18: $first and then $second is told as the second', async ({ one, other }) => {
    for (const how of HOWS) {
      const stage = await setStage(await scripted(refuse(one)), {}, refuse(other));
      const { error, messages } = await stage.ask(how, how === 'unary' ? withFallback : byRoute);
      expect(messages).toEqual([]);
      expect(error?.errorInfo).toMatchObject({ reason: other.reason, metadata: { provider: 'second', model: 'two' } });
      expect(error?.code).toBe(outcomes[other.reason].code);
      const tries = [triesOf(one, 'before'), triesOf(other, 'alone')] as const;
      expect(error?.callFailure?.attempts).toMatchObject([
        ...failedTries(one.reason, tries[0], `${inWords(one.reason)}: went on to second/two`),
        ...failedTries(other.reason, tries[1], '').map((each) => ({ ...each, provider: 'second', model: 'two' })),
      ]);
      expect([stage.first.calls, stage.second.received.length]).toEqual(tries);
      expectWait(error?.retryInfo?.retryDelay && durationMs(error.retryInfo.retryDelay), one, other);
      await expectQuiet(stage, { keeps: true });
    }
  });
});

/** The caller is told the least wait that is known, of either; and none where no wait would help. */
function expectWait(waitMs: number | undefined, one: Trouble, other: Trouble): void {
  if (!outcomes[other.reason].moves) return expect(waitMs).toBeUndefined();
  const waits = [one, other].flatMap(({ reason, waitMs }) => {
    if (waitMs !== undefined) return waitMs;
    return outcomes[reason].alone > 1 ? 8 * BASE_MS : [];
  });
  if (waits.length === 0) return expect(waitMs).toBeUndefined();
  const least = Math.min(...waits);
  expect(waitMs).toBeLessThanOrEqual(least);
  // Some of it may have passed.
  expect(waitMs).toBeGreaterThanOrEqual(least > 1_000 ? least - 2_000 : 0);
}

describe('a caller that does not wait for ever', () => {
  it.each(HOWS)('row 1: is answered in time by the second provider when the first one hangs, %s', async (how) => {
    const stage = await setStage(await scripted(() => undefined));
    const reply = await stage.ask(how, byRoute, { timeoutMs: 2_000 });
    expect(reply.error).toBeUndefined();
    expect(contentOf(reply)).toEqual(WHOLE);
    expect(ending(reply)?.attempts).toMatchObject([
      ...failedTries('UPSTREAM_TIMEOUT', 1, 'upstream timeout: went on to second/two'),
      { provider: 'second', status: 0 },
    ]);
    expect([stage.first.calls, stage.second.received.length]).toEqual([1, 1]);
    await expectQuiet(stage);
  });

  it.each(HOWS)('row 33: is told so when neither answers, and both are let go, %s', async (how) => {
    const stage = await setStage(await scripted(() => undefined), {}, () => undefined);
    const { error } = await stage.ask(how, withFallback, { timeoutMs: 600 });
    expect(error?.code).toBe(4);
    expect([stage.first.calls, stage.second.received.length]).toEqual([1, 1]);
    await expectOver(stage);
  });
});
