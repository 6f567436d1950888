import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { sleep } from '../core/sleep.ts';
import type { Store } from '../stores/store.ts';

/** Between two looks whether the answer has come. With jitter, so that processes do not look all at once. */
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 250;

export interface LeaseParts<Answer> {
  readonly store: Pick<Store, 'compareAndSet'>;
  readonly clock: Clock;
  /** How long to wait for another process, and how long a lease holds. */
  readonly waitMs: number;
  /** The answer, if it has come. */
  readonly look: () => Promise<Answer | undefined>;
}

/** Either the answer that another process has got, or the leave to ask for it. */
export interface Leased<Answer> {
  readonly answer: Answer | undefined;
  /** To be called when the answer is there, or there will be none. Never rejects. */
  readonly release: () => Promise<void>;
}

const nothing = () => Promise.resolve();

/**
 * Lets one of several processes ask for an answer while the others wait for it. Whoever has waited long enough asks all
 * the same, and so does everybody while the store fails: no call fails for the want of a lease.
 *
 * Aborts: rejects with the signal's reason.
 */
export async function lease<Answer>(
  key: string,
  { store, clock, waitMs, look }: LeaseParts<Answer>,
  signal: AbortSignal,
): Promise<Leased<Answer>> {
  const mark = randomBytes(12);
  const untilMs = clock.now() + waitMs;
  const release = () => store.compareAndSet(key, mark, undefined, 1).then(nothing, nothing);
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_LOOK_MS)) {
    const got = await store.compareAndSet(key, undefined, mark, waitMs).catch(() => undefined);
    if (got === undefined) return { answer: undefined, release: nothing };
    // Also for whoever has the lease: it may be from one whose answer came between a look and the lease.
    const answer = await look();
    if (answer !== undefined) return { answer, release: got ? release : nothing };
    if (got) return { answer, release };
    const leftMs = untilMs - clock.now();
    if (leftMs <= 0) return { answer: undefined, release: nothing };
    await sleep(Math.min(pauseMs * (0.5 + clock.random()), leftMs), clock, signal);
  }
}
