import type { Clock } from '../../core/clock.ts';
import type { Complete } from '../../core/complete.ts';
import type { Tell } from '../../core/news.ts';
import type { Target } from '../../core/target.ts';
import type { Availability } from '../../resilience/availability.ts';

/** How many tries besides the first ones a provider gets. What is given is called when such a try is over. */
export interface TryBudget {
  /** Permission for one. Undefined: there is none. */
  take(): (() => void) | undefined;
  /** Counts one that needs no permission. */
  count(): () => void;
}

/** What routing needs to know, and to tell. */
export interface RouteParts {
  /** All that stands around a provider, and the provider. Undefined: there is none of this name. */
  readonly stackOf: (provider: string) => Complete | undefined;
  readonly availability: (target: Target) => Availability;
  /** That of a provider. */
  readonly budgetOf: (provider: string) => TryBudget;
  /** The shortest time in which the target has answered, in milliseconds. Undefined: it is not known. */
  readonly fastestMs: (target: Target) => number | undefined;
  /** Whether it answers at once, whatever else fails: an answer of the configuration. */
  readonly isInstant: (target: Target) => boolean;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly tell: Tell;
}
