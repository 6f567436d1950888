import {
  type Attempt,
  type CompleteRequest,
  type Cost,
  CostStatus,
  type Usage,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../core/billing.ts';
import type { Target } from '../core/target.ts';
import { estimateUsage } from '../core/usage.ts';
import { type Amounts, nothing } from './accounts.ts';

/** What a call may use at a target. Undefined for money: there is no price. */
export interface Estimate {
  readonly tokens: number;
  readonly nanoUsd: number | undefined;
}

export interface Estimator {
  readonly price: (target: Target, usage: Usage, billing: Billing) => Cost;
  /** The output of a call that sets no bound. */
  readonly outputTokens: number;
}

/** Reads the whole request once; then it tells what a try at each target may use. */
export function estimator(request: CompleteRequest, { price, outputTokens }: Estimator): (target: Target) => Estimate {
  const usage = estimateUsage(request, []);
  usage.outputTokens = BigInt(request.maxTokens ?? outputTokens);
  usage.totalTokens = usage.inputTokens + usage.outputTokens;
  const tokens = Number(usage.totalTokens);
  return (target) => {
    const { status, totalNanoUsd } = price(target, usage, {});
    return { tokens, nanoUsd: status === CostStatus.UNPRICED ? undefined : Number(totalNanoUsd) };
  };
}

export const amountsOf = ({ tokens, nanoUsd = 0 }: Estimate, requests: number): Amounts => ({
  requests,
  tokens,
  nano_usd: nanoUsd,
});

/**
 * What a try has used. One that is not over yet was overtaken by another, and is being broken off: it counts as it was
 * estimated. One that never came to say what it used has used nothing.
 */
export function usedBy({ usage, cost, duration }: Attempt, estimate: () => Estimate): Amounts {
  if (!usage && !cost) return duration ? { ...nothing, requests: 1 } : amountsOf(estimate(), 1);
  const nanoUsd = !cost || cost.status === CostStatus.UNPRICED ? 0 : Number(cost.totalNanoUsd);
  return { requests: 1, tokens: usage ? Number(usage.totalTokens) : 0, nano_usd: nanoUsd };
}
