import { describe, expect, it } from 'vitest';
import { Priority as Wish } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import { noPolicy, type Policy, type Priority } from '../../src/core/policy.ts';
import { rules } from '../../src/layers/rules.ts';
import { helloRequest, helloResponse, testCall } from '../support/calls.ts';

async function passedOn(call: Call, policy: Policy | undefined): Promise<Call> {
  let passed: Call | undefined;
  await rules((asked) => {
    expect(asked).toBe(call);
    return policy;
  })(async (inner) => {
    passed = inner;
    return helloResponse();
  })(call);
  return passed ?? expect.fail('was not called');
}

const wishing = (priority: Wish) => testCall({ request: { ...helloRequest(), priority } });

describe('rules', () => {
  it('passes on the policy that was found, and the rest as it is', async () => {
    const call = testCall();
    const policy: Policy = { ...noPolicy, rule: 'x' };
    expect(await passedOn(call, policy)).toEqual({ ...call, policy, priority: 'normal' });
    expect(call.trail.rule).toBe('x');
  });

  it('passes on no policy where no rule matches', async () => {
    expect((await passedOn(testCall({ policy: { ...noPolicy, rule: 'old' } }), undefined)).policy).toBe(noPolicy);
  });

  it.each<[Priority | undefined, Wish, Priority]>([
    [undefined, Wish.UNSPECIFIED, 'normal'],
    [undefined, Wish.LOW, 'low'],
    [undefined, Wish.NORMAL, 'normal'],
    [undefined, Wish.HIGH, 'high'],
    ['low', Wish.HIGH, 'low'],
    ['high', Wish.UNSPECIFIED, 'high'],
    ['normal', Wish.LOW, 'normal'],
  ])('rule %j, request %j: %s', async (priority, wish, expected) => {
    const policy = { ...noPolicy, priority };
    expect((await passedOn(wishing(wish), policy)).priority).toBe(expected);
  });

  it('takes the request’s wish where no rule matches', async () => {
    expect((await passedOn(wishing(Wish.HIGH), undefined)).priority).toBe('high');
  });
});
