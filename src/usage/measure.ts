import { type Attempt, CostStatus } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../core/target.ts';
import { type Measured, unmeasured } from './row.ts';

/** A call that is over. */
export interface FinishedCall {
  /** Where it was answered or last tried. Undefined: it was refused before that was known. */
  readonly target: Target | undefined;
  readonly failed: boolean;
  readonly attempts: readonly Attempt[];
}

/** What a call counts for, at each target apart: a call once, where it ended; each try where it was made. */
export function measuresOf({ target, failed, attempts }: FinishedCall): readonly (Target & { counts: Measured })[] {
  const tries = attempts.map(({ provider, model, usage, cost }) => ({
    provider,
    model,
    counts: {
      ...unmeasured,
      tries: 1,
      inputTokens: Number(usage?.inputTokens ?? 0),
      outputTokens: Number(usage?.outputTokens ?? 0),
      cachedInputTokens: Number(usage?.cachedInputTokens ?? 0),
      cacheWriteTokens: Number(usage?.cacheWriteTokens ?? 0),
      reasoningTokens: Number(usage?.reasoningTokens ?? 0),
      nanoUsd: cost && cost.status !== CostStatus.UNPRICED ? Number(cost.totalNanoUsd) : 0,
      unpriced: cost?.status === CostStatus.UNPRICED ? 1 : 0,
    },
  }));
  // Of a call that no provider was asked for, the caller may have made up the model.
  const { provider = '', model = '' } = (attempts.length > 0 || !failed ? target : undefined) ?? {};
  return [{ provider, model, counts: { ...unmeasured, calls: 1, failed: failed ? 1 : 0 } }, ...tries];
}
