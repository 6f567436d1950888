import { expect } from 'vitest';
import { callLines } from '../support/scene.ts';
import type { Situation } from './cancellation-situations.ts';
import type { Stage } from './cancellation-stage.ts';

/** How a caller leaves: it says so, its time is up, or its connection ends in one way or the other. */
export type Leaving = 'cancel' | 'deadline' | 'reset' | 'hangUp';

/** Every turn, and every pass of a breaker, has been given back. */
export async function expectNothingHeld(stage: Stage, { turn }: Situation): Promise<void> {
  const { providers } = await stage.health();
  for (const { provider, activeCalls, queuedCalls, targets } of providers) {
    const held = turn === 'held' && provider === 'narrow' ? 1 : 0;
    expect({ provider, activeCalls, queuedCalls }).toEqual({ provider, activeCalls: held, queuedCalls: 0 });
    for (const { model, activeCalls: active } of targets)
      expect({ model, active }).toEqual({ model, active: model === 'held' ? held : 0 });
  }
}

/** What is known of a call whose caller has left. */
export interface Left {
  readonly how: Leaving;
  /** It may be gone before it is heard. */
  readonly isAtOnce: boolean;
  /** It may have ended by itself while the caller left. */
  readonly mayHaveEnded: boolean;
}

/** It has one line in the log, which says that its caller left. */
export function expectRecorded(stage: Stage, session: string, { how, isAtOnce, mayHaveEnded }: Left): void {
  const lines = callLines(stage.gateway).filter(({ session_id }) => session_id === session);
  const [line] = lines;
  if (isAtOnce && !line) return;
  expect(lines).toHaveLength(1);
  if (mayHaveEnded) return;
  if (how === 'deadline') expect(line?.error_reason).toMatch(TIME_IS_UP);
  else expect(line?.status).toBe('CANCELLED');
}

/**
 * A caller whose time is up cancels as well, and what a provider does may come first. What cannot be done in the time
 * that is left is not begun.
 */
const TIME_IS_UP = /^(DEADLINE_EXCEEDED|CANCELLED|QUEUE_FULL|UPSTREAM_[A-Z]+)$/;
