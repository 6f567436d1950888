import { CostStatus, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import { priceOf } from '../catalogue/price.ts';
import type { Price } from '../catalogue/rates.ts';
import type { Target } from '../core/target.ts';
import type { Measures } from './strategies.ts';

/** What a call will cost by the catalogue's prices. */
export const expectedCost =
  (price: (target: Target) => Price | undefined): Measures['costNanoUsd'] =>
  (target: Target, usage: Usage) => {
    const { status, totalNanoUsd } = priceOf(usage, {}, price(target));
    return status === CostStatus.UNPRICED ? undefined : Number(totalNanoUsd);
  };
