import { describe, expect, it } from 'vitest';
import { WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import type { Retirement } from '../../src/catalogue/retirement.ts';
import type { Call } from '../../src/core/call.ts';
import type { Target } from '../../src/core/target.ts';
import { govern } from '../../src/layers/govern.ts';
import { route } from '../../src/layers/route.ts';
import { helloRequest, helloResponse, testCall } from '../support/calls.ts';

const a: Target = { provider: 'a', model: 'm' };
const b: Target = { provider: 'b', model: 'm' };

type Retirements = ReadonlyMap<Target, Retirement>;
const layer = (allowed: readonly Target[], retirements: Retirements = new Map()) =>
  govern({
    resolve: () => ({ targets: [a, b], reason: 'by name' }),
    allowed: (target) => allowed.includes(target),
    retirement: (target) => retirements.get(target),
  });

async function targetsOf(allowed: readonly Target[], call = testCall(), retirements?: Retirements) {
  let targets: readonly Target[] = [];
  await layer(
    allowed,
    retirements,
  )(async (inner) => {
    targets = inner.targets;
    return helloResponse();
  })(call);
  return targets;
}

describe('govern', () => {
  it('keeps the allowed targets in order', async () => {
    expect(await targetsOf([b, a])).toEqual([a, b]);
    expect(await targetsOf([b])).toEqual([b]);
  });

  it('says where the call will go and why', async () => {
    const call = testCall();
    await targetsOf([b], call);
    expect(call.trail).toMatchObject({ target: b, selectionReason: 'by name' });
  });

  const date = '2027-01-14';
  it.each<[Retirement, string]>([
    [{ isOver: false, date, successor: 'n' }, `The model b/m will be no longer served from ${date} on. Choose b/n.`],
    [
      { isOver: true, date, successor: undefined },
      `The model b/m is no longer served from ${date} on. Choose a newer one.`,
    ],
    [{ isOver: true, date: '', successor: 'n' }, 'The model b/m is no longer served. Choose b/n.'],
  ])('warns of the end of a model: %j', async (retirement, message) => {
    const call = testCall();
    await targetsOf([b], call, new Map([[b, retirement]]));
    expect(call.trail.warnings).toMatchObject([{ code: WarningCode.MODEL_RETIREMENT, field: 'model', message }]);
  });

  it('does not warn of a model that the call does not go to', async () => {
    const call = testCall();
    await targetsOf([a, b], call, new Map([[b, { isOver: true, date, successor: undefined }]]));
    expect(call.trail.warnings).toEqual([]);
  });

  it('refuses a model that is not allowed, and lets nothing below see the call', async () => {
    const call = testCall({ request: helloRequest('a/m') });
    const refused = layer([])(() => expect.fail('was called'))(call);
    await expect(refused).rejects.toMatchObject({ kind: 'model_not_allowed', facts: { target: a } });
    await expect(refused).rejects.toThrow(/"a\/m" is not allowed/);
    expect(call.trail.target).toBe(a);
  });
});

describe('route', () => {
  it('sends the call to the first target', async () => {
    const call = testCall({ targets: [b, a] });
    const stack = async (inner: Call) => {
      expect(inner.target).toBe(b);
      return helloResponse();
    };
    await route((provider) => (provider === 'b' ? stack : undefined))(call);
    expect(call.trail.target).toBe(b);
  });

  it('treats a missing provider as a defect', async () => {
    await expect(route(() => undefined)(testCall({ targets: [a] }))).rejects.toMatchObject({ kind: 'internal' });
    await expect(route(() => undefined)(testCall())).rejects.toMatchObject({ kind: 'internal' });
  });
});
