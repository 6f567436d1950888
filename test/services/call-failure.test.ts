import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AttemptSchema, CostSchema, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { newTrail } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { withFailure } from '../../src/services/call-failure.ts';

const error = new GatewayError('upstream_error', 'It failed.', { upstreamStatus: 500 });
const attempts = (count: number) => Array.from({ length: count }, (_, i) => create(AttemptSchema, { model: `m${i}` }));

describe('withFailure', () => {
  it('leaves an error alone of which nothing was tried', () => {
    expect(withFailure(error, { ...newTrail(), selectionReason: 'named' })).toBe(error);
  });

  it('adds what was tried, and why', () => {
    const { kind, message, facts } = withFailure(error, {
      ...newTrail(),
      attempts: attempts(2),
      selectionReason: 'named',
    });
    expect([kind, message, facts.upstreamStatus]).toEqual(['upstream_error', 'It failed.', 500]);
    expect(facts.failure).toMatchObject({ attempts: attempts(2), selectionReason: 'named' });
    expect([facts.failure?.usage, facts.failure?.cost]).toEqual([undefined, undefined]);
  });

  it('adds no more than the last eight tries', () => {
    const { failure } = withFailure(error, { ...newTrail(), attempts: attempts(11) }).facts;
    expect(failure?.attempts).toEqual(attempts(11).slice(3));
  });

  it('adds what was used, also where no try is known', () => {
    const usage = create(UsageSchema, { totalTokens: 5n, estimated: true });
    const cost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 9n });
    const { failure } = withFailure(error, { ...newTrail(), partialUsage: usage, partialCost: cost }).facts;
    expect(failure).toMatchObject({ attempts: [], usage, cost });
  });
});
