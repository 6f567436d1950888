import { create } from '@bufbuild/protobuf';
import { type Cost, CostSchema, CostStatus, type Usage, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { addWarnings, newTrail, type Trail } from './call.ts';

/** Two usages together; an estimate if either is. */
export const addUsage = (one: Usage | undefined, other: Usage): Usage =>
  one === undefined
    ? other
    : create(UsageSchema, {
        inputTokens: one.inputTokens + other.inputTokens,
        outputTokens: one.outputTokens + other.outputTokens,
        totalTokens: one.totalTokens + other.totalTokens,
        cachedInputTokens: one.cachedInputTokens + other.cachedInputTokens,
        cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
        reasoningTokens: one.reasoningTokens + other.reasoningTokens,
        estimated: one.estimated || other.estimated,
      });

/** Two costs together. One that is not known adds nothing; if neither is, the sum is not. */
export function addCost(one: Cost | undefined, other: Cost): Cost {
  if (one === undefined || one.status === CostStatus.UNPRICED) return other;
  if (other.status === CostStatus.UNPRICED) return one;
  return create(CostSchema, {
    ...one,
    totalNanoUsd: one.totalNanoUsd + other.totalNanoUsd,
    inputNanoUsd: one.inputNanoUsd + other.inputNanoUsd,
    outputNanoUsd: one.outputNanoUsd + other.outputNanoUsd,
    otherAttemptsNanoUsd: one.otherAttemptsNanoUsd + other.otherAttemptsNanoUsd,
  });
}

/** Keeps what a try used that did not give the answer. */
export function addSpent(trail: Trail, usage: Usage | undefined, cost: Cost | undefined): void {
  if (usage) trail.partialUsage = addUsage(trail.partialUsage, usage);
  if (cost) trail.partialCost = addCost(trail.partialCost, cost);
}

/** The cost of an answer, with what other tries of the same call have cost. */
export function withSpent(cost: Cost, spent: Cost | undefined): Cost {
  if (!spent || spent.status === CostStatus.UNPRICED || spent.totalNanoUsd === 0n) return cost;
  const otherAttemptsNanoUsd = cost.otherAttemptsNanoUsd + spent.totalNanoUsd;
  if (cost.status === CostStatus.UNPRICED) return create(CostSchema, { ...cost, otherAttemptsNanoUsd });
  return create(CostSchema, { ...cost, totalNanoUsd: cost.totalNanoUsd + spent.totalNanoUsd, otherAttemptsNanoUsd });
}

/** A trail of its own for one of several tries that run at once, so that none takes another's records for its own. */
export const forkTrail = (trail: Trail): Trail => ({
  ...newTrail(),
  target: trail.target,
  selectionReason: trail.selectionReason,
});

/** Takes over what a try has found out whose answer counts. */
export function joinTrail(trail: Trail, winner: Trail): void {
  trail.target = winner.target;
  trail.messagesLeftOut = winner.messagesLeftOut;
  trail.upstreamMs += winner.upstreamMs;
  trail.queuedMs += winner.queuedMs;
  trail.firstTokenAtMs ??= winner.firstTokenAtMs;
  addWarnings(trail, winner.warnings);
  joinTries(trail, winner);
}

/** Takes over only which tries there were and what they used: of one whose answer does not count. */
export function joinTries(trail: Trail, other: Trail): void {
  trail.attempts.push(...other.attempts);
  addSpent(trail, other.partialUsage, other.partialCost);
}
