/** What the gateway must make of recorded exchanges that are not whole answers, by their ids. */
export interface Recorded {
  /** Answers of status 200 that are not whole or are errors, and the kind they must fail with. */
  readonly broken: Readonly<Record<string, string>>;
  /** The kind of each failure by status. */
  readonly kinds: Readonly<Record<string, string>>;
}
