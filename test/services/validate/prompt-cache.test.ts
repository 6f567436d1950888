import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { validateCompleteRequest } from '../../../src/services/validate/request.ts';
import {
  assistant,
  type PartInit,
  type RequestInit,
  requestOf,
  text,
  toolCall,
  toolResult,
  user,
} from '../../support/requests.ts';

/** The fields that a request is refused for; empty: it is accepted. */
function refusedFor(init: RequestInit): readonly string[] {
  try {
    validateCompleteRequest(requestOf(init));
    return [];
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    return (thrown.facts.violations ?? []).map(({ field, description }) => `${field} ${description}`);
  }
}

type Ttl = readonly [seconds: bigint, nanos: number];

const hint = ([seconds, nanos]: Ttl) => ({ promptCache: { ttl: { seconds, nanos } } });
const hinted = (ttl: Ttl): PartInit => ({ part: { case: 'text', value: 'a' }, ...hint(ttl) });

describe('a prompt cache hint', () => {
  const good: readonly Ttl[] = [
    [1n, 0],
    [1n, 1],
    [300n, 500_000_000],
    [86_399n, 999_999_999],
    [86_400n, 0],
  ];

  it.each(good)('may last %i s and %i ns', (...ttl) => {
    expect(refusedFor({ messages: [user(hinted(ttl))] })).toEqual([]);
  });

  it('need not say how long', () => {
    expect(refusedFor({ messages: [user({ part: { case: 'text', value: 'a' }, promptCache: {} })] })).toEqual([]);
  });

  const bad: readonly Ttl[] = [
    [0n, 0],
    [0n, 999_999_999],
    [-1n, 0],
    [86_400n, 1],
    [86_401n, 0],
    [2n ** 63n - 1n, 0],
    [-(2n ** 63n), 0],
    [0n, 2_000_000_000],
    [60n, 1_000_000_000],
    [60n, -1],
  ];

  it.each(bad)('may not last %i s and %i ns', (...ttl) => {
    expect(refusedFor({ messages: [user(text('a'), hinted(ttl))] })).toEqual([
      'messages[0].content[1].prompt_cache.ttl must be from 1 second to 24 hours',
    ]);
  });

  it('is looked at wherever a part may be', () => {
    const wrong = hinted([0n, 0]);
    const messages = [
      user(wrong),
      assistant(wrong, toolCall('c')),
      { role: Role.TOOL, content: [toolResult('c', wrong)] },
      {
        role: Role.TOOL,
        content: [{ part: { case: 'toolResult' as const, value: { toolCallId: 'c' } }, ...hint([0n, 0]) }],
      },
    ];
    expect(refusedFor({ messages }).map((problem) => problem.split(' ')[0])).toEqual([
      'messages[0].content[0].prompt_cache.ttl',
      'messages[1].content[0].prompt_cache.ttl',
      'messages[2].content[0].tool_result.content[0].prompt_cache.ttl',
      'messages[3].content[0].prompt_cache.ttl',
    ]);
  });
});

describe('a prompt cache key', () => {
  it.each(['', 'a', ' ~', 'a'.repeat(64)])('may be %j', (promptCacheKey) => {
    expect(refusedFor({ messages: [user(text('a'))], promptCacheKey })).toEqual([]);
  });

  it.each(['a'.repeat(65), 'é', 'a\n', '\x1f', '\x7f', '\ud800'])('may not be %j', (promptCacheKey) => {
    expect(refusedFor({ messages: [user(text('a'))], promptCacheKey })).toEqual([
      'prompt_cache_key must be at most 64 characters from space to "~"',
    ]);
  });
});
