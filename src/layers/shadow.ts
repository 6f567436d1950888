import type { Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { ShadowCall, type ShadowParts } from './shadow/shadow-call.ts';

/** The most shadows under way at once. */
const MAX_ACTIVE = 16;

/** Copies of calls, whose answers nobody gets. */
export interface Shadows {
  readonly layer: Layer;
  /** Ends all that are under way, and resolves when none is left. No other begins. */
  close(): Promise<void>;
}

const stopping = () => new GatewayError('shutting_down', 'The gateway is stopping, and with it the shadows of calls.');

/**
 * Sends a copy of a share of the calls to another target, and tells how the two answers compare. It stands above all
 * that chooses or repeats, so that a call has at most one shadow.
 *
 * The caller's call never waits for its shadow, nor fails by it, nor pays for it: the layers above get the very promise
 * of those below. A shadow ends when the call fails or its caller leaves. One that outlives the answer goes on, as long
 * as the limits of its target let it.
 */
export function shadow(parts: ShadowParts, maxActive = MAX_ACTIVE): Shadows {
  const { clock, tell } = parts;
  const active = new Map<ShadowCall, Promise<void>>();
  let closed = false;
  const begin = (call: Call, target: Target): ShadowCall | undefined => {
    if (active.size >= maxActive) return void tell({ type: 'shadow_skipped', target });
    const copy = new ShadowCall(parts, call, target);
    const over = copy.run().finally(() => active.delete(copy));
    active.set(copy, over);
    return copy;
  };
  return {
    layer: (next) => (call) => {
      const { shadowing } = call.policy;
      if (!shadowing || closed || clock.random() >= shadowing.share) return next(call);
      const startedMs = clock.now();
      const answer = next(call);
      begin(call, shadowing.to)?.follow(answer, startedMs);
      return answer;
    },
    async close() {
      closed = true;
      for (const copy of active.keys()) copy.end(stopping());
      await Promise.all(active.values());
    },
  };
}
