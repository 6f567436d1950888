import type { Target } from './target.ts';

/** What is limited. Money is in thousand-millionths of a US dollar. */
export type LimitUnit = 'requests' | 'tokens' | 'nano_usd';

/** Within what time. A minute slides; the others are those of the calendar, in UTC. */
export type LimitWindow = 'minute' | 'hour' | 'day' | 'month';

export const limitUnits: readonly LimitUnit[] = ['requests', 'tokens', 'nano_usd'];
export const limitWindows: readonly LimitWindow[] = ['minute', 'hour', 'day', 'month'];

/** At most so much of a unit within a window. */
export interface Limit {
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  readonly amount: number;
}

/** Whom or what limits are for. */
export type SubjectKind = 'all' | 'team' | 'key' | 'model';

export const subjectKinds: readonly SubjectKind[] = ['all', 'team', 'key', 'model'];

export interface Subject {
  readonly kind: SubjectKind;
  /** The team, the key, or "provider/id". Safe to show to whoever it is about. Empty for `all`. */
  readonly name: string;
}

/** What a call may use, held before it is used. One for each call. */
export interface Allowance {
  /**
   * Holds what a try at this target may use, and gives what to call when the try is over. It resolves at once with
   * undefined if enough is held already. Errors: `rate_limited`, `budget_exceeded`.
   */
  cover(target: Target): Promise<(() => void) | undefined>;
}
