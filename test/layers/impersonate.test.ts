import { expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import type { Layer } from '../../src/core/complete.ts';
import { noPolicy } from '../../src/core/policy.ts';
import { divert, impersonate } from '../../src/layers/impersonate.ts';
import { helloResponse, testCall } from '../support/calls.ts';

const gpt = { provider: 'openai', model: 'gpt-5' };
const claude = { provider: 'anthropic', model: 'claude' };

async function below(layer: Layer, overrides: Partial<Call>): Promise<Call> {
  let seen = testCall();
  await layer(async (call) => {
    seen = call;
    return helloResponse();
  })(testCall(overrides));
  return seen;
}

it('impersonate lets one provider play the first target', async () => {
  const { targets } = await below(impersonate('mock'), { targets: [gpt, claude] });
  expect(targets).toEqual([{ provider: 'mock', model: 'gpt-5' }]);
});

it('impersonate leaves the answers alone that need no model', async () => {
  const answer = { provider: 'fallback', model: 'sorry' };
  const { targets } = await below(impersonate('mock'), { targets: [gpt, claude, answer] });
  expect(targets).toEqual([{ provider: 'mock', model: 'gpt-5' }, answer]);
  expect((await below(impersonate('mock'), { targets: [answer, gpt] })).targets).toEqual([answer]);
});

it('impersonate lets it play what a rule would send elsewhere', async () => {
  const escalation = { on: ['empty'] as const, to: [claude, gpt] };
  const shadowing = { to: claude, share: 0.5 };
  const { policy } = await below(impersonate('mock'), { policy: { ...noPolicy, rule: 'r', escalation, shadowing } });
  expect(policy).toEqual({
    ...noPolicy,
    rule: 'r',
    escalation: {
      on: ['empty'],
      to: [
        { provider: 'mock', model: 'claude' },
        { provider: 'mock', model: 'gpt-5' },
      ],
    },
    shadowing: { to: { provider: 'mock', model: 'claude' }, share: 0.5 },
  });
});

it.each([{ escalation: { on: [], to: [gpt] } }, { shadowing: { to: gpt, share: 1 } }])(
  'impersonate adds nothing to a rule that has only %j',
  async (part) => {
    const { policy } = await below(impersonate('mock'), { policy: { ...noPolicy, ...part } });
    expect(Object.keys(part).map((name) => JSON.stringify(policy).includes(name))).toEqual([true]);
    expect(policy.escalation === undefined).toBe(!('escalation' in part));
    expect(policy.shadowing === undefined).toBe(!('shadowing' in part));
  },
);

it('impersonate leaves a policy alone that sends nothing elsewhere', async () => {
  const policy = { ...noPolicy, rule: 'r' };
  expect((await below(impersonate('mock'), { policy })).policy).toBe(policy);
});

it('divert sends every call to one target, and nothing of it elsewhere', async () => {
  const answer = { provider: 'fallback', model: 'default' };
  const policy = { ...noPolicy, shadowing: { to: claude, share: 1 } };
  const call = await below(divert(answer, 'models are switched off'), { targets: [], policy });
  expect([call.targets, call.policy]).toEqual([[answer], noPolicy]);
  expect([call.trail.target, call.trail.selectionReason]).toEqual([answer, 'models are switched off']);
});
