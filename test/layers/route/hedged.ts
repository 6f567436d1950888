import { getEventListeners } from 'node:events';
import { expect } from 'vitest';
import type { newTrail } from '../../../src/core/call.ts';
import type { Complete } from '../../../src/core/complete.ts';
import { settle } from '../../support/calls.ts';
import { type CallInit, callTo, isOver, nameOf, pass, type Scene, watch } from './scene.ts';

export const hedging = { afterMs: 10, max: 2 };

export const slow = { afterMs: 100 };
/** A backend that does not listen. */
export const deaf: Complete = () => new Promise(() => undefined);

export const stuck = { deltas: [], end: 'hang' } as const;

/** Runs a call to its end, after which nothing may be left of it. */
export async function run(scene: Scene, init: CallInit) {
  const call = callTo({ hedging, ...init });
  const outcome = watch(scene.complete(call));
  await pass(scene.clock, outcome, 2_000);
  await settle();
  expect(isOver(outcome)).toBe(true);
  expect(scene.clock.pending).toBe(0);
  expect(scene.budget.open).toBe(0);
  expect(getEventListeners(call.signal, 'abort')).toEqual([]);
  return { ...outcome, call, trail: call.trail, endedMs: scene.clock.now() };
}

export const left = ({ trail }: { trail: ReturnType<typeof newTrail> }) =>
  trail.attempts.map((record) => `${nameOf(record)} ${record.status} ${record.leftBecause}`.trim());

export const lost = '1 another try was faster';
