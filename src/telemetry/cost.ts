import { type Cost, CostStatus } from '#gen/antiphon/v1/completion_pb.js';

export type CostStatusName = 'priced' | 'reported' | 'unpriced';

const names: Readonly<Record<CostStatus, CostStatusName | undefined>> = {
  [CostStatus.UNSPECIFIED]: undefined,
  [CostStatus.PRICED]: 'priced',
  [CostStatus.REPORTED]: 'reported',
  [CostStatus.UNPRICED]: 'unpriced',
};

/** What a cost is to telemetry. The amount is in thousand-millionths of a US dollar; undefined: there is none. */
export interface CostReading {
  readonly status: CostStatusName | undefined;
  readonly nanoUsd: number | undefined;
}

export function readCost(cost: Cost | undefined): CostReading {
  const status = cost && names[cost.status];
  const hasAmount = status === 'priced' || status === 'reported';
  if (cost && hasAmount) return { status, nanoUsd: Number(cost.totalNanoUsd) };
  // Of an answer without a price, what other tries of the same call have cost may still be known.
  return { status, nanoUsd: cost?.otherAttemptsNanoUsd ? Number(cost.otherAttemptsNanoUsd) : undefined };
}
