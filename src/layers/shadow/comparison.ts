import { type CompleteRequest, type CompleteResponse, type Cost, CostStatus } from '#gen/antiphon/v1/completion_pb.js';
import { fitsFormat } from '../../core/conformity.ts';
import type { ErrorKind } from '../../core/errors.ts';
import type { ShadowComparison } from '../../core/news.ts';
import type { Target } from '../../core/target.ts';

/** How a call, or its shadow, came to its end. */
export interface Ended {
  readonly target: Target;
  /** Undefined: it has an answer. */
  readonly error: ErrorKind | undefined;
  readonly durationMs: number;
  /** Of all tries together; undefined: not known. */
  readonly cost: Cost | undefined;
  readonly content: CompleteResponse['content'];
}

const nanoUsdOf = (cost: Cost | undefined): number | undefined =>
  cost === undefined || cost.status === CostStatus.UNPRICED ? undefined : Number(cost.totalNanoUsd);

const lengthOf = ({ content }: Ended): number =>
  content.reduce((sum, { part }) => sum + (part.case === 'text' ? part.value.length : 0), 0);

/** How a call and its shadow compare, in numbers: nothing of what was said. */
export const comparison = ({ responseFormat }: CompleteRequest, answer: Ended, shadow: Ended): ShadowComparison => ({
  target: answer.target,
  shadow: shadow.target,
  error: shadow.error,
  durationMs: answer.durationMs,
  shadowDurationMs: shadow.durationMs,
  costNanoUsd: nanoUsdOf(answer.cost),
  shadowCostNanoUsd: nanoUsdOf(shadow.cost),
  length: lengthOf(answer),
  shadowLength: lengthOf(shadow),
  fitsSchema: fitsFormat(responseFormat, answer.content),
  shadowFitsSchema: shadow.error === undefined ? fitsFormat(responseFormat, shadow.content) : undefined,
});
