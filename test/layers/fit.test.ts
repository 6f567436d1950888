import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, Role, WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import type { News } from '../../src/core/news.ts';
import { type ContextAction, noPolicy } from '../../src/core/policy.ts';
import { fitContext } from '../../src/layers/fit.ts';
import type { ContextLimits } from '../../src/thrift/fit.ts';
import { defaultThrift } from '../../src/thrift/settings.ts';
import { helloResponse, testCall } from '../support/calls.ts';
import { said } from '../thrift/conversations.ts';

const long = (maxTokens?: number) =>
  create(CompleteRequestSchema, {
    messages: [said(Role.USER, 'x'.repeat(4_000)), said(Role.USER, 'y'.repeat(4_000))],
    ...(maxTokens === undefined ? {} : { maxTokens }),
  });

const window = (contextWindowTokens: number): ContextLimits => ({
  contextWindowTokens,
  maxInputTokens: undefined,
  maxOutputTokens: undefined,
});

/** What came through, and what was told. */
async function through(context: readonly ContextAction[], limits: ContextLimits | undefined, maxTokens?: number) {
  const call = testCall({ request: long(maxTokens), policy: { ...noPolicy, context } });
  const told: News[] = [];
  const passed: Call[] = [];
  const layer = fitContext({
    settings: { ...defaultThrift, answerTokens: 100 },
    limitsOf: (target) => {
      expect(target).toBe(call.target);
      return limits;
    },
    tell: (news) => told.push(news),
  });
  const complete = layer(async (inner) => {
    passed.push(inner);
    return helloResponse();
  });
  const error = await complete(call).then(
    () => undefined,
    (thrown) => thrown,
  );
  return { call, told, error, passed: passed[0] };
}

describe('fit', () => {
  it.each<[string, readonly ContextAction[], ContextLimits | undefined]>([
    ['no rule says anything', [], window(1)],
    ['nothing is known of the model', ['reject'], undefined],
    ['it fits', ['trim_oldest', 'clamp_max_tokens'], window(10_000)],
  ])('passes on the very same call where %s', async (_, context, limits) => {
    const { call, passed, told } = await through(context, limits, 5);
    expect(passed).toBe(call);
    expect([told, call.trail.warnings, call.trail.messagesLeftOut]).toEqual([[], [], 0]);
  });

  it('leaves out messages, and says how many', async () => {
    const { call, passed, told } = await through(['trim_oldest'], window(1_300));
    expect(passed?.request.messages).toEqual(call.request.messages.slice(1));
    expect(call.trail).toMatchObject({
      messagesLeftOut: 1,
      warnings: [{ code: WarningCode.DROPPED, field: 'messages' }],
    });
    expect(call.trail.warnings[0]?.message).toContain(' 1 in all');
    expect(told).toEqual([{ type: 'context_trimmed', provider: 'mock', messages: 1 }]);
  });

  it('lowers max_tokens, and says from what to what', async () => {
    const { call, passed, told } = await through(['clamp_max_tokens'], window(2_500), 1_000);
    expect(passed?.request).toMatchObject({ maxTokens: 300 });
    expect(call.trail.warnings).toMatchObject([{ code: WarningCode.ADJUSTED, field: 'max_tokens' }]);
    expect(call.trail.warnings[0]?.message).toContain('from 1000 to 300');
    expect(told).toEqual([{ type: 'context_clamped', provider: 'mock' }]);
  });

  it('refuses with the size of the context, and asks nobody', async () => {
    const { call, passed, told, error } = await through(['reject'], window(2_000));
    expect(passed).toBeUndefined();
    expect(error).toMatchObject({ kind: 'context_length_exceeded', facts: { target: call.target } });
    expect(error.message).toContain('2000 tokens');
    expect(error.rule.next).toBe(true);
    expect(told).toEqual([{ type: 'context_rejected', provider: 'mock' }]);
  });
});
