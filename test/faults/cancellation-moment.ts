import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { until } from '../support/scene.ts';
import { arrival, begin, type Course, type Moment, type Scene, setScene } from './cancellation-caller.ts';
import { expectNothingHeld, expectRecorded } from './cancellation-checks.ts';
import type { Situation } from './cancellation-situations.ts';
import type { Open, Stage } from './cancellation-stage.ts';

/** Resolves when all is as it was when the stage was set: nothing of any call is left. */
export const atRest = (stage: Stage, rest: Open): Promise<void> => until('rest', () => isSame(stage.open, rest));

const isSame = (one: Open, other: Open): boolean => one.sockets === other.sockets && one.timers === other.timers;

/** Shorter than any timer of the gateway's own, and longer than anything else. */
const PATIENCE_MS = 800;

/** A machine that is busy with something else does not count. */
const LEAST_LOOKS = 200;

/** How long it takes until this holds, in milliseconds. */
async function msUntil(holds: () => boolean, sinceMs: number, found: () => unknown): Promise<number> {
  for (let looks = 0; !holds(); looks++) {
    const tooLong = performance.now() - sinceMs > PATIENCE_MS && looks > LEAST_LOOKS;
    if (tooLong) throw new Error(`not so after ${PATIENCE_MS} ms: ${JSON.stringify(found())}`);
    await delay(1);
  }
  return performance.now() - sinceMs;
}

/** What leaves at once may be gone before it is heard. */
const AT_ONCE_MS = 3;

/**
 * A caller that leaves, and what must hold then. Gives how long it took until nothing of the call was left, in
 * milliseconds. Undefined: the call was over before, or has never come.
 */
export async function leaveIn(
  stage: Stage,
  situation: Situation,
  moment: Moment,
  course: Course,
): Promise<number | undefined> {
  const scene = await setScene(stage, situation, moment);
  try {
    const { answered, arrived } = stage;
    stage.isSlow = moment.isSlow;
    const { session, reply, leftMs } = await leave(scene, situation, moment);
    await arrival();
    if (leftMs === undefined || stage.arrived === arrived) return undefined;
    const isAtOnce = moment.atMs < AT_ONCE_MS;
    const isRecorded = () => isAtOnce || stage.gateway.logText().includes(session);
    const found = () => ({ open: stage.open, delays: stage.clock.delays, left: scene.left(), recorded: isRecorded() });
    const tookMs = await msUntil(() => isRecorded() && isSame(stage.open, scene.left()), leftMs, found);
    // With little time left, the first answer is the last.
    const enough = moment.how === 'deadline' ? 1 : course.answers;
    const mayHaveEnded = stage.answered - answered >= enough;
    const { error } = await reply;
    if (!mayHaveEnded) expect(error).toBeDefined();
    await expectNothingHeld(stage, situation);
    expectRecorded(stage, session, { how: moment.how, isAtOnce, mayHaveEnded });
    return tookMs;
  } finally {
    stage.isSlow = false;
    await scene.close();
  }
}

const LONG_TIME_MS = 60_000;

/** `leftMs` undefined: it was over before. */
async function leave({ client, hangUp, giveTurn }: Scene, situation: Situation, moment: Moment) {
  const { kind, how, atMs, hasTime } = moment;
  const abort = new AbortController();
  const timeoutMs = Math.max(1, Math.round(atMs));
  let isOver = false;
  const startedMs = performance.now();
  const far = hasTime ? { timeoutMs: LONG_TIME_MS } : {};
  const options = how === 'deadline' ? { timeoutMs } : { signal: abort.signal, ...far };
  const { session, reply } = begin(client, situation, kind, options);
  void reply.then(() => {
    isOver = true;
  });
  if (how === 'deadline') {
    await reply;
    const endedMs = performance.now();
    const leftMs = startedMs + timeoutMs;
    giveTurn?.();
    return { session, reply, leftMs: endedMs < leftMs ? undefined : leftMs };
  }
  await delay(atMs);
  if (atMs >= AT_ONCE_MS) await arrival();
  if (isOver) return { session, reply, leftMs: undefined };
  giveTurn?.();
  const leftMs = performance.now();
  if (how === 'cancel') abort.abort();
  else hangUp();
  return { session, reply, leftMs };
}
