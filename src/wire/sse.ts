/** One server-sent event. */
export interface Frame {
  /** The event's name; empty if it has none. */
  readonly event: string;
  /** The lines of data, joined by newlines. */
  readonly data: string;
}
