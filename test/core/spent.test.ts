import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttemptSchema, type Cost, CostSchema, CostStatus, UsageSchema } from '#gen/antiphon/v1/completion_pb.js';
import { newTrail } from '../../src/core/call.ts';
import { addCost, addSpent, addUsage, forkTrail, joinTrail, joinTries, withSpent } from '../../src/core/spent.ts';
import { dropped } from '../../src/core/warnings.ts';

const usage = (tokens: number, estimated = false) =>
  create(UsageSchema, { inputTokens: BigInt(tokens), totalTokens: BigInt(tokens), estimated });

const cost = (nanoUsd: number, status = CostStatus.PRICED) =>
  create(CostSchema, { status, totalNanoUsd: BigInt(nanoUsd), inputNanoUsd: BigInt(nanoUsd) });

const unpriced = create(CostSchema, { status: CostStatus.UNPRICED });

describe('usages and costs together', () => {
  it('are the sums, in any order', () => {
    const counts = fc.array(fc.tuple(fc.nat(1e6), fc.boolean()), { minLength: 1 });
    fc.assert(
      fc.property(counts, (those) => {
        const trail = newTrail();
        for (const [n, estimated] of those) addSpent(trail, usage(n, estimated), cost(n));
        const sum = BigInt(those.reduce((all, [n]) => all + n, 0));
        expect(trail.partialUsage).toMatchObject({ inputTokens: sum, totalTokens: sum });
        expect(trail.partialUsage?.estimated).toBe(those.some(([, estimated]) => estimated));
        expect(trail.partialCost).toMatchObject({ totalNanoUsd: sum, inputNanoUsd: sum });
      }),
    );
  });

  it('are what is known, where something is not', () => {
    const trail = newTrail();
    addSpent(trail, undefined, undefined);
    expect([trail.partialUsage, trail.partialCost]).toEqual([undefined, undefined]);
    expect(addUsage(undefined, usage(1))).toEqual(usage(1));
    expect(addCost(unpriced, cost(5))).toEqual(cost(5));
    expect(addCost(cost(5), unpriced)).toEqual(cost(5));
    expect(addCost(unpriced, unpriced)).toEqual(unpriced);
  });
});

describe('the cost of an answer', () => {
  it.each<[string, Cost, Cost | undefined, object]>([
    ['nothing else', cost(5), undefined, { totalNanoUsd: 5n, otherAttemptsNanoUsd: 0n }],
    ['others without a price', cost(5), unpriced, { totalNanoUsd: 5n, otherAttemptsNanoUsd: 0n }],
    ['others free of charge', cost(5), cost(0), { totalNanoUsd: 5n, otherAttemptsNanoUsd: 0n }],
    ['others', cost(5), cost(3), { totalNanoUsd: 8n, inputNanoUsd: 5n, otherAttemptsNanoUsd: 3n }],
    ['others, itself without a price', unpriced, cost(3), { totalNanoUsd: 0n, otherAttemptsNanoUsd: 3n }],
  ])('has in it %s', (_, own, others, together) => {
    expect(withSpent(own, others)).toMatchObject(together);
  });

  it('stays as it is for whoever else has it', () => {
    const own = cost(5);
    withSpent(own, cost(3));
    expect(own).toEqual(cost(5));
  });
});

describe('a fork of a trail', () => {
  const attempt = (model: string) => create(AttemptSchema, { model });
  const known = () => ({
    ...newTrail(),
    target: { provider: 'a', model: '1' },
    selectionReason: 'named',
    attempts: [attempt('first')],
    warnings: [dropped('stop', 'x')],
    upstreamMs: 5,
  });

  /** What a try adds. */
  const tried = () => {
    const trail = known();
    const fork = forkTrail(trail);
    fork.attempts.push(attempt('second'));
    fork.warnings.push(dropped('top_k', 'y'), dropped('stop', 'x'));
    Object.assign(fork, { target: { provider: 'b', model: '2' }, upstreamMs: 7, queuedMs: 2, firstTokenAtMs: 9 });
    fork.messagesLeftOut = 3;
    addSpent(fork, usage(4), cost(4));
    return { trail, fork };
  };

  it('knows of nothing that was tried, and where to', () => {
    const fork = forkTrail(known());
    expect(fork).toEqual({ ...newTrail(), target: { provider: 'a', model: '1' }, selectionReason: 'named' });
  });

  it('is not seen in the trail', () => {
    expect(tried().trail).toEqual(known());
  });

  it('that is joined adds all it has found out', () => {
    const { trail, fork } = tried();
    joinTrail(trail, fork);
    expect(trail).toMatchObject({
      target: { provider: 'b', model: '2' },
      attempts: [attempt('first'), attempt('second')],
      warnings: [dropped('stop', 'x'), dropped('top_k', 'y')],
      messagesLeftOut: 3,
      upstreamMs: 12,
      queuedMs: 2,
      firstTokenAtMs: 9,
      partialUsage: usage(4),
      partialCost: cost(4),
    });
  });

  it('does not change when the first token came', () => {
    const { trail, fork } = tried();
    trail.firstTokenAtMs = 3;
    joinTrail(trail, fork);
    expect(trail.firstTokenAtMs).toBe(3);
  });

  it('whose answer does not count adds its tries and what they cost', () => {
    const { trail, fork } = tried();
    joinTries(trail, fork);
    expect(trail).toEqual({
      ...known(),
      attempts: [attempt('first'), attempt('second')],
      partialUsage: usage(4),
      partialCost: cost(4),
    });
  });
});
