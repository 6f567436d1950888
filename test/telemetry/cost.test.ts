import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { type Cost, CostSchema, CostStatus } from '#gen/antiphon/v1/completion_pb.js';
import { readCost } from '../../src/telemetry/cost.ts';

const cost = (status: CostStatus): Cost => create(CostSchema, { status, totalNanoUsd: 7n });

it.each<[string, Cost | undefined, ReturnType<typeof readCost>]>([
  ['priced', cost(CostStatus.PRICED), { status: 'priced', nanoUsd: 7 }],
  ['reported', cost(CostStatus.REPORTED), { status: 'reported', nanoUsd: 7 }],
  ['unpriced', cost(CostStatus.UNPRICED), { status: 'unpriced', nanoUsd: undefined }],
  [
    'unpriced, after tries whose cost is known',
    create(CostSchema, { status: CostStatus.UNPRICED, otherAttemptsNanoUsd: 3n }),
    { status: 'unpriced', nanoUsd: 3 },
  ],
  ['of no kind', cost(CostStatus.UNSPECIFIED), { status: undefined, nanoUsd: undefined }],
  ['none', undefined, { status: undefined, nanoUsd: undefined }],
])('a cost: %s', (_, given, expected) => {
  expect(readCost(given)).toEqual(expected);
});
