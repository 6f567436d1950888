import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { expect, vi } from 'vitest';
import { StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { allClosed } from '../support/scene.ts';
import { type OutageRow, outcomes, type Reason } from './outage-row.ts';
import { BASE_MS, type Stage, streamed } from './outage-stage.ts';
import { PARTIAL, PROMPT, type Reply, textOf } from './upstream-scene.ts';

/** The record of a try at the first provider that failed. */
export const failedTry = (reason: Reason, leftBecause: unknown = expect.any(String)) => ({
  provider: 'first',
  model: 'one',
  status: outcomes[reason].code,
  errorReason: ErrorReason[reason],
  leftBecause,
});

const PATIENCE = { timeout: 10_000, interval: 5 } as const;

const AGAIN = expect.stringMatching(/^tried again after \d+ ms$/);

/** So many of them, all but the last of which were repeated. */
export const failedTries = (reason: Reason, count: number, last: string) =>
  Array.from({ length: count }, (_, i) => failedTry(reason, i === count - 1 ? last : AGAIN));

/** `upstream_reset` as it is said in records. */
export const inWords = (reason: Reason): string => reason.toLowerCase().replaceAll('_', ' ');

/** The call has failed so, and the caller is told what was tried, and when to come back if that may help. */
export function expectFailed({ error }: Reply, reason: Reason, tries: number): void {
  const { code } = outcomes[reason];
  expect(error?.errorInfo).toMatchObject({ reason, metadata: { provider: 'first', model: 'one' } });
  expect(error?.code).toBe(code);
  expect(error?.callFailure?.attempts).toMatchObject(failedTries(reason, tries, ''));
  const waitMs = error?.retryInfo?.retryDelay && durationMs(error.retryInfo.retryDelay);
  if (outcomes[reason].alone === 1) return expect(waitMs).toBeUndefined();
  // The upper half of what the gateway would have waited next.
  expect(waitMs).toBeGreaterThanOrEqual(4 * BASE_MS);
  expect(waitMs).toBeLessThanOrEqual(8 * BASE_MS);
}

/**
 * The stream has begun, and then failed so: what came is the beginning of a stream, with that text once, and the caller
 * is told what it will have cost.
 */
export function expectPartial(reply: Reply, reason: Reason): void {
  const { error } = reply;
  expect(error?.errorInfo).toMatchObject({ reason, metadata: { provider: 'first', model: 'one' } });
  expect(error?.code).toBe(outcomes[reason].code);
  const text = textOf(reply.messages).replace(/~+$/, '');
  expect(text).toBe(PARTIAL);
  const messages = streamed(reply);
  const end = create(StreamCompleteResponseSchema, {
    sequence: BigInt(messages.length),
    event: { case: 'completed', value: {} },
  });
  expect(checkEvents([...messages, end])).toBeUndefined();
  const { usage } = error?.callFailure ?? {};
  expect(usage).toMatchObject({ estimated: true, inputTokens: BigInt(Math.ceil(PROMPT.length / 4)) });
  expect(usage?.outputTokens).toBeGreaterThanOrEqual(BigInt(Math.ceil(PARTIAL.length / 4)));
}

/** What each provider was asked since `before`. */
export function expectCalls({ first, second }: Stage, asked: { first: number; second: number }, before = 0): void {
  if (first.calls !== undefined) expect(first.calls - before).toBe(asked.first);
  expect(first.strays ?? 0).toBe(0);
  expect(second.received.length).toBe(asked.second);
}

/** Nothing is under way any more, and no connection is open but those that wait; when the gateway has gone, none is. */
export async function expectQuiet(stage: Stage, { keeps = false }: Pick<OutageRow, 'keeps'> = {}): Promise<void> {
  const { first, second } = stage;
  await vi.waitFor(() => expect(first.open).toBe(keeps ? 1 : 0), PATIENCE);
  expect(second.open).toBe(second.received.length > 0 ? 1 : 0);
  await expectOver(stage);
}

/** Nothing is under way any more, and when the gateway has gone, no connection is open. */
export async function expectOver({ first, second, gateway }: Stage): Promise<void> {
  const page = await gateway.metrics();
  for (const [, calls] of page.matchAll(/^llm_active_requests\{.*\} (\d+)$/gm)) expect(calls).toBe('0');
  await gateway.close();
  await allClosed(first, second);
}

/** The one line of the log about the last call. */
export const lastLine = ({ gateway }: Stage): Record<string, unknown> | undefined =>
  gateway.lines().findLast(({ msg }) => msg === 'call');
