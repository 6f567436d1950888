/** When operators are told of calls. What is undefined is not looked at. */
export interface AlertSettings {
  /** The share of the calls of a window that may fail, above 0 and up to 1. */
  readonly errorRate: number | undefined;
  /** The time that 95 of 100 calls may take at most, in milliseconds. */
  readonly latencyP95Ms: number | undefined;
  /** Thousand-millionths of a US dollar, of all calls together. */
  readonly nanoUsdPerHour: number | undefined;
  /** How far back errors and times are looked at. */
  readonly windowMs: number;
  /** Of fewer calls nothing is said. */
  readonly minCalls: number;
}

export const defaultAlerts: AlertSettings = {
  errorRate: undefined,
  latencyP95Ms: undefined,
  nanoUsdPerHour: undefined,
  windowMs: 300_000,
  minCalls: 20,
};
