import { describe, expect, it } from 'vitest';
import { WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import type { Retirement } from '../../src/catalogue/retirement.ts';
import { anonymous, type Call } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { type Escalation, noPolicy, type Policy } from '../../src/core/policy.ts';
import type { Target } from '../../src/core/target.ts';
import { dropped } from '../../src/core/warnings.ts';
import { type Governance, govern } from '../../src/layers/govern.ts';
import { selector } from '../../src/routing/selection.ts';
import { noRouting } from '../../src/routing/settings.ts';
import { helloRequest, helloResponse, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const a: Target = { provider: 'a', model: 'm' };
const b: Target = { provider: 'b', model: 'm' };

type Retirements = ReadonlyMap<Target, Retirement>;

/** Whatever is named is at a and b. */
function layer(allowedTargets: readonly Target[], retirements: Retirements = new Map()) {
  const isOneOf = (targets: Iterable<Target>, wanted: Target) =>
    [...targets].find(({ provider, model }) => provider === wanted.provider && model === wanted.model);
  const allowed = (target: Target) => isOneOf(allowedTargets, target) !== undefined;
  const models = {
    resolve: () => ({ targets: [a, b], reason: 'by name' }),
    ofTier: () => [],
    has: () => true,
    find: () => undefined,
    allowed,
  };
  const measures = { latencyMs: () => undefined, busy: () => 0, costNanoUsd: () => undefined };
  return govern({
    select: selector({ settings: noRouting, models, measures, clock: fakeClock() }),
    allowed,
    ofTier: () => [],
    retirement: (target) => retirements.get(isOneOf(retirements.keys(), target) ?? target),
  });
}

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

const open = { allowed: () => true, ofTier: () => [], retirement: () => undefined };

/** What is left below of an escalation. */
async function escalationBelow(escalation: Escalation, models: Partial<Governance>) {
  const select = () => ({ targets: [a], reason: '', warnings: [] });
  let below: Policy = noPolicy;
  await govern({ ...open, ...models, select })(async ({ policy }) => {
    below = policy;
    return helloResponse();
  })(testCall({ policy: { ...noPolicy, escalation } }));
  return below.escalation;
}

describe('an escalation', () => {
  const on = ['empty'] as const;

  it('goes to allowed models alone', async () => {
    const allowed = ({ provider }: Target) => provider === 'b';
    expect(await escalationBelow({ on, to: [a, b] }, { allowed })).toEqual({ on, to: [b] });
    expect(await escalationBelow({ on, to: [a] }, { allowed })).toBeUndefined();
  });

  it('to a tier goes to the models that are in it now', async () => {
    const ofTier = (tier: ModelTier) => (tier === ModelTier.PREMIUM ? [b] : []);
    expect(await escalationBelow({ on, to: [a], tier: ModelTier.PREMIUM }, { ofTier })).toEqual({ on, to: [b] });
    expect(await escalationBelow({ on, to: [a], tier: ModelTier.FAST }, { ofTier })).toBeUndefined();
  });
});

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
    expect(call.trail.target).toEqual(a);
  });

  it('passes on what the selection warns of', async () => {
    const warning = dropped('tier', 'Left out.');
    const select = () => ({ targets: [a], reason: 'by name', warnings: [warning] });
    const call = testCall();
    await govern({ ...open, select })(async () => helloResponse())(call);
    expect(call.trail.warnings).toEqual([warning]);
  });

  it('leaves no target on the record of a call for which there is none', async () => {
    const select = () => {
      throw new GatewayError('model_not_found', 'No such model.');
    };
    const call = testCall();
    const refused = govern({ ...open, select })(() => expect.fail())(call);
    await expect(refused).rejects.toMatchObject({ kind: 'model_not_found' });
    expect(call.trail.target).toBeUndefined();
  });
});

describe('the policy below govern', () => {
  const policyBelow = async (allowed: readonly Target[], policy: Policy, caller = anonymous) => {
    let below: Policy | undefined;
    await layer([a, ...allowed])(async (inner: Call) => {
      below = inner.policy;
      return helloResponse();
    })(testCall({ policy, caller }));
    return below;
  };
  const c: Target = { provider: 'c', model: 'm' };
  const shadowing = { to: b, share: 0.5 };
  const escalation = { on: ['refused'], to: [b, c] } as const;
  const both: Policy = { ...noPolicy, rule: 'x', priority: 'low', shadowing, escalation };

  it.each<[string, Policy]>([
    ['none', noPolicy],
    ['shadowing', { ...noPolicy, shadowing }],
    ['escalation', { ...noPolicy, escalation }],
    ['both', both],
  ])('is the same where all that it leads to is allowed: %s', async (_, policy) => {
    expect(await policyBelow([b, c], policy)).toEqual(policy);
  });

  it.each<[readonly Target[], Partial<Policy>]>([
    [[b], { shadowing, escalation: { ...escalation, to: [b] } }],
    [[c], { shadowing: undefined, escalation: { ...escalation, to: [c] } }],
    [[], { shadowing: undefined, escalation: undefined }],
  ])('leads to nothing that is not allowed: %j', async (allowed, expected) => {
    expect(await policyBelow(allowed, both)).toEqual({ ...both, ...expected });
  });

  it('leads to nothing that the key may not call, also by a tier', async () => {
    const narrow = { ...anonymous, allowedModels: ({ provider }: Target) => provider !== 'b' };
    const expected = { ...both, shadowing: undefined, escalation: { ...escalation, to: [c] } };
    expect(await policyBelow([b, c], both, narrow)).toEqual(expected);
    const byTier = { ...noPolicy, escalation: { on: ['refused'], to: [], tier: 1 } } as const;
    const models = { ...open, ofTier: () => [b, c] };
    let below: Policy | undefined;
    await govern({ ...models, select: () => ({ targets: [a], reason: '', warnings: [] }) })(async (inner: Call) => {
      below = inner.policy;
      return helloResponse();
    })(testCall({ policy: byTier, caller: narrow }));
    expect(below?.escalation).toEqual({ on: ['refused'], to: [c] });
  });

  it('loses one without the other', async () => {
    expect(await policyBelow([], { ...noPolicy, shadowing })).toEqual(noPolicy);
    expect(await policyBelow([], { ...noPolicy, escalation })).toEqual(noPolicy);
  });
});
