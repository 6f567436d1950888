import { create } from '@bufbuild/protobuf';
import {
  CacheStatus,
  type CompleteResponse,
  type Cost,
  CostSchema,
  CostStatus,
} from '#gen/antiphon/v1/completion_pb.js';

const SOURCE = 'cache';

/** What a call costs that gets an answer for which another call has paid. */
export const freeCost = (): Cost => create(CostSchema, { status: CostStatus.PRICED, priceSource: SOURCE });

/** Whether another call has paid for an answer, so that its usage counts there. */
export const isPaidElsewhere = ({ cost, cacheStatus }: Pick<CompleteResponse, 'cost' | 'cacheStatus'>): boolean =>
  cost?.priceSource === SOURCE || cacheStatus === CacheStatus.REPLAYED;

/** What an answer has cost the very call that gives it. One that is replayed says what it had cost the first one. */
export const ownCost = (answer: Pick<CompleteResponse, 'cost' | 'cacheStatus'>): Cost | undefined =>
  isPaidElsewhere(answer) ? freeCost() : answer.cost;
