/** What an alert is about: a limit of which a share is used up, or what has become of calls lately. */
export type AlertKind = 'limit' | 'error_rate' | 'latency' | 'cost';

export const alertKinds: readonly AlertKind[] = ['limit', 'error_rate', 'latency', 'cost'];

/** Something that has passed its threshold. */
export interface Crossing {
  readonly kind: AlertKind;
  /** "provider/id", "all calls", or whose limit it is, such as "team search". */
  readonly subject: string;
  /** Of limits and errors a share, from 0 to 1; milliseconds; US dollars. */
  readonly value: number;
  /** In the same unit. */
  readonly threshold: number;
}
