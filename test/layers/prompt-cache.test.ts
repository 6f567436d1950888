import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/core/call.ts';
import { noPolicy } from '../../src/core/policy.ts';
import { type PromptCaching, routedByKey } from '../../src/core/prompt-caching.ts';
import { promptCache } from '../../src/layers/prompt-cache.ts';
import type { PromptPlace } from '../../src/thrift/prompt-hints.ts';
import { helloRequest, helloResponse, testCall } from '../support/calls.ts';

const policy = { ...noPolicy, promptCache: 'auto' as const };

async function through(call: Call, caching: PromptCaching | undefined, request = call.request) {
  const asked: PromptPlace[] = [];
  const passed: Call[] = [];
  const hinted = (given: Call['request'], place: PromptPlace) => {
    expect(given).toBe(call.request);
    asked.push(place);
    return request;
  };
  const layer = promptCache({
    hints: { hinted },
    cachingOf: () => caching,
    isCheaper: ({ model }) => model === 'echo',
  });
  await layer(async (inner) => {
    passed.push(inner);
    return helloResponse();
  })(call);
  return { asked, passed: passed[0] };
}

describe('prompt_cache', () => {
  it('passes on the request with its hints', async () => {
    const call = testCall({ policy });
    const request = helloRequest('hinted');
    const { asked, passed } = await through(call, routedByKey, request);
    expect(passed).toEqual({ ...call, request });
    expect(asked).toEqual([{ tenant: 'key:anonymous', target: call.target, caching: routedByKey, isCheaper: true }]);
  });

  it.each<[string, Call, PromptCaching | undefined]>([
    ['the rule does not say so', testCall(), routedByKey],
    ['the provider needs no telling', testCall({ policy }), undefined],
  ])('does nothing at all where %s', async (_, call, caching) => {
    const { asked, passed } = await through(call, caching);
    expect(asked).toEqual([]);
    expect(passed).toBe(call);
  });

  it('passes on the very same call where there is nothing to say', async () => {
    const call = testCall({ policy });
    expect((await through(call, routedByKey)).passed).toBe(call);
  });
});
