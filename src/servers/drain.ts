import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { HealthState } from './health.ts';

/** What is drained: a door and its connections. */
export interface Drainable {
  /** Takes no new connection and tells every client to go. Resolves when the last connection has ended. */
  stop(): Promise<void>;
  /** Ends every connection at once. */
  destroyAll(): void;
}

/** The calls in flight. */
export interface InFlight {
  idle(): Promise<void>;
  abortAll(error: GatewayError): void;
}

export interface DrainPlan {
  readonly doors: readonly Drainable[];
  readonly calls: InFlight;
  readonly health: HealthState;
  readonly clock: Clock;
  /** How long to go on serving while balancers notice. */
  readonly delayMs: number;
  /** Then: how long calls in flight may take to end. */
  readonly graceMs: number;
}

/** For the last answers to reach their callers, and for clients to hang up. */
const SETTLE_MS = 1_000;

/**
 * Stops without breaking a call that can still end: says so and goes on serving; takes nothing new; waits; ends what
 * remains with UNAVAILABLE, which clients retry elsewhere; closes. Resolves when every connection has ended.
 */
export async function drain({ doors, calls, health, clock, delayMs, graceMs }: DrainPlan): Promise<void> {
  health.leave();
  if (delayMs > 0) await sleep(clock, delayMs);
  const closed = Promise.all(doors.map((door) => door.stop()));
  health.close();
  await within(clock, graceMs, calls.idle());
  calls.abortAll(new GatewayError('shutting_down', 'The gateway is stopping. Try again: another replica can answer.'));
  await within(clock, SETTLE_MS, calls.idle());
  await within(clock, SETTLE_MS, closed);
  for (const door of doors) door.destroyAll();
  await closed;
}

const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

/** Waits for a promise, but no longer than this. */
function within(clock: Clock, ms: number, awaited: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, resolve);
    void awaited.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
