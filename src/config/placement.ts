import type { Path } from './tree.ts';

/** A value that the environment puts into the file. */
export interface Placement {
  readonly path: Path;
  readonly value: unknown;
  /** Which variables it was made from, and where in it each of them is. */
  readonly from: readonly { readonly path: Path; readonly variable: string }[];
}

/** The value of one variable. */
export const placement = (path: Path, value: unknown, variable: string): Placement => ({
  path,
  value,
  from: [{ path, variable }],
});
