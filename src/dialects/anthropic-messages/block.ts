import type { Delta } from '../../core/events.ts';
import type { UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** One block of an answer, from its start on. */
export interface Block {
  /** Takes a piece of it. Pieces of a kind that it does not know are skipped. */
  delta(piece: UnknownObject): void;
  /** Nothing more of it comes. */
  stop(): void;
}

/** Where the blocks of one answer put what they hear. */
export interface Hearing {
  readonly target: Target;
  readonly emit: (delta: Delta) => void;
  readonly warnings: Warnings;
}
