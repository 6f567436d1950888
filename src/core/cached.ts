import { create } from '@bufbuild/protobuf';
import { type CompleteResponse, type Cost, CostSchema, CostStatus } from '#gen/antiphon/v1/completion_pb.js';

const SOURCE = 'cache';

/** What a call costs that gets an answer for which another call has paid. */
export const freeCost = (): Cost => create(CostSchema, { status: CostStatus.PRICED, priceSource: SOURCE });

/** Whether another call has paid for an answer, so that its usage counts there. */
export const isPaidElsewhere = ({ cost }: Pick<CompleteResponse, 'cost'>): boolean => cost?.priceSource === SOURCE;
