import type { Bench, Subject } from './bench.ts';

/** How long and how much. */
export interface Scale {
  /** Times that each server is measured, in turn with the other. */
  readonly rounds: number;
  /** Of a round, and of the warm-up before the first. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Also how many calls are at another provider meanwhile, in `mixed`. */
  readonly pacedStreams: number;
  readonly pacedSeconds: number;
  readonly cancels: number;
}

/** What one round gave, by the names in `report.ts`. */
export type Metrics = Readonly<Record<string, number>>;

export interface Round {
  readonly metrics: Metrics;
  readonly errors: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** Once for each server, before its first round. */
  warmUp(bench: Bench, subject: Subject, scale: Scale): Promise<void>;
  round(bench: Bench, subject: Subject, scale: Scale): Promise<Round>;
}
