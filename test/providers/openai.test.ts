import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';
import { modelRules } from '../../src/providers/openai/models.ts';
import { chatQuirks, responsesQuirks } from '../../src/providers/openai/quirks.ts';
import { openai } from '../../src/providers/openai.ts';
import type { Api } from '../../src/providers/provider.ts';

const ids = { callId: 'c1', traceId: 't', sessionId: '', sourceAgent: '' };

const make = (headers: Record<string, string> = {}, api?: Api) =>
  openai.create({ name: 'mine', baseUrl: new URL('https://api.example.com/v1'), headers, api });

describe('headers', () => {
  it('sign the request and say whose it is', () => {
    const provider = make({ 'openai-project': 'p' });
    expect(provider.headers(ids, 'key')).toEqual({
      authorization: 'Bearer key',
      'x-client-request-id': 'c1',
      'openai-project': 'p',
    });
    expect([provider.name, provider.telemetryName, provider.requestIdHeader]).toEqual([
      'mine',
      'openai',
      'x-request-id',
    ]);
  });

  it('sign nothing without a key, and let the configured ones win', () => {
    expect(make().headers(ids, undefined)).toEqual({ 'x-client-request-id': 'c1' });
    const headers = make({ authorization: 'Custom' }).headers(ids, 'key');
    expect(headers.authorization).toBe('Custom');
  });
});

describe('the interface', () => {
  type Init = Extract<MessageInitShape<typeof CompleteRequestSchema>, { $typeName?: never }>;
  const effort = (value: ReasoningEffort): Init['reasoning'] => ({ amount: { case: 'effort', value } });
  const tools = [{ name: 'look' }];
  const name = (model: string, init: Init = {}, api?: Api) =>
    make({}, api).dialect(create(CompleteRequestSchema, init), model).name;

  it.each<[string, string, Init]>([
    ['openai-chat', 'gpt-4.1', { tools }],
    ['openai-chat', 'gpt-5.5', { tools }],
    ['openai-chat', 'gpt-6-sol', { tools, reasoning: effort(ReasoningEffort.HIGH) }],
    ['openai-chat', 'gpt-5.6-luna', { reasoning: effort(ReasoningEffort.HIGH) }],
    ['openai-chat', 'gpt-5.6-luna', { tools, reasoning: effort(ReasoningEffort.NONE) }],
    ['openai-responses', 'gpt-5.6-luna', { tools }],
    ['openai-responses', 'gpt-5.6-luna', { tools, reasoning: effort(ReasoningEffort.LOW) }],
    ['openai-responses', 'gpt-5.6-sol', { tools, reasoning: { amount: { case: 'budgetTokens', value: 1 } } }],
    ['openai-responses', 'o3-pro', {}],
    ['openai-responses', 'gpt-5.1-codex-mini', { reasoning: effort(ReasoningEffort.NONE) }],
  ])('is %s for %s', (expected, model, init) => {
    expect(name(model, init)).toBe(expected);
    expect(name(model, init, 'chat')).toBe('openai-chat');
    expect(name(model, init, 'responses')).toBe('openai-responses');
  });

  it('may be set', () => {
    expect([openai.settings, openai.apis]).toEqual([['api'], ['chat', 'responses']]);
  });
});

describe('the rules by model', () => {
  const LOW_TO_MAX = 'low medium high xhigh max';

  it.each<[string, string, string, string, string?]>([
    // model, role of instructions, efforts, sampling; T: chat takes no reasoning with tools, C: takes cache breakpoints
    ['gpt-4.1', 'system', '', 'always'],
    ['gpt-4o-2024-08-06', 'system', '', 'always'],
    ['gpt-3.5-turbo', 'system', '', 'always'],
    ['ft:gpt-4.1-mini:acme::abc', 'system', '', 'always'],
    ['gpt-5-chat-latest', 'system', '', 'always'],
    ['gpt-5.2-chat-latest', 'system', '', 'always'],
    ['some-new-thing', 'system', '', 'always'],
    ['gpt-5', 'developer', 'minimal low medium high', 'never'],
    ['gpt-5-mini-2025-08-07', 'developer', 'minimal low medium high', 'never'],
    ['gpt-5-nano', 'developer', 'minimal low medium high', 'never'],
    ['gpt-5.1', 'developer', 'none low medium high', 'effort_none'],
    ['gpt-5.2', 'developer', 'none low medium high xhigh', 'effort_none'],
    ['gpt-5.4-mini', 'developer', 'none low medium high xhigh', 'effort_none'],
    ['gpt-5.5', 'developer', 'none low medium high xhigh', 'effort_none'],
    ['gpt-5.2-pro', 'developer', 'medium high xhigh', 'never'],
    ['gpt-5.4-pro', 'developer', 'medium high xhigh', 'never'],
    ['gpt-5.6-sol', 'developer', `none ${LOW_TO_MAX}`, 'effort_none', 'TC'],
    ['gpt-6-luna', 'developer', `none ${LOW_TO_MAX}`, 'effort_none', 'C'],
    ['gpt-6-sol', 'developer', `none ${LOW_TO_MAX}`, 'effort_none', 'C'],
    ['gpt-6.1-terra', 'developer', `none ${LOW_TO_MAX}`, 'effort_none', 'C'],
    ['gpt-6-astra', 'developer', LOW_TO_MAX, 'never', 'C'],
    ['gpt-6.1-sol', 'developer', LOW_TO_MAX, 'never', 'C'],
    ['gpt-7', 'developer', LOW_TO_MAX, 'never', 'C'],
    ['o1', 'developer', 'low medium high', 'never'],
    ['o1-mini', 'system', '', 'never'],
    ['o3', 'developer', 'low medium high', 'never'],
    ['o3-mini', 'developer', 'low medium high', 'never'],
    ['ft:o4-mini-2025-04-16:acme::abc', 'developer', 'low medium high', 'never'],
  ])('%s', (model, instructions, efforts, sampling, marks = '') => {
    const rules = modelRules(model);
    const shared = { instructions, efforts: efforts === '' ? [] : efforts.split(' '), sampling };
    expect(chatQuirks(rules)).toMatchObject({
      ...shared,
      useInstead: undefined,
      maxTokensField: 'max_completion_tokens',
      toolsWithoutReasoning: marks.includes('T'),
      promptCacheKey: true,
    });
    expect(responsesQuirks(rules)).toEqual({
      ...shared,
      reasons: instructions === 'developer' || model === 'o1-mini',
      cacheBreakpoints: marks.includes('C'),
    });
  });

  it.each([
    ['gpt-5-pro', 'high'],
    ['gpt-5-pro-2025-10-06', 'high'],
    ['gpt-5.5-pro', 'medium high xhigh'],
    ['o1-pro', 'low medium high'],
    ['o3-pro', 'low medium high'],
    ['gpt-5.1-codex-mini', 'low medium high'],
    ['codex-mini-latest', 'low medium high'],
    ['o4-mini-deep-research', 'low medium high'],
  ])('%s is for the Responses API only', (model, efforts) => {
    expect(chatQuirks(modelRules(model)).useInstead).toContain('Responses API');
    expect(responsesQuirks(modelRules(model))).toMatchObject({
      instructions: 'developer',
      reasons: true,
      efforts: efforts.split(' '),
      sampling: 'never',
    });
  });

  it.each([
    ['o3', 0],
    ['o4-mini', 0],
    ['o3-mini', 4],
    ['o1', 4],
    ['gpt-4.1', 4],
    ['gpt-5', 4],
  ])('%s takes %i stop texts', (model, stops) => expect(chatQuirks(modelRules(model)).maxStops).toBe(stops));
});

describe('the listing', () => {
  const { listing } = make();

  it('tells ids and when they end', () => {
    const body = {
      object: 'list',
      data: [
        { id: 'gpt-4.1', created: 1, object: 'model', owned_by: 'system', shutdown_date: '2027-01-14' },
        { id: 'o1', shutdown_date: '2026-12-01T00:00:00Z' },
        { id: 'gpt-6-sol', shutdown_date: null },
        { id: 'x', shutdown_date: 'soon' },
      ],
    };
    expect(listing?.path).toBe('/models');
    expect(listing?.read(body)).toEqual({
      models: [
        { id: 'gpt-4.1', retirementDate: '2027-01-14' },
        { id: 'o1', retirementDate: '2026-12-01' },
        { id: 'gpt-6-sol' },
        { id: 'x' },
      ],
      next: undefined,
    });
  });

  it.each([undefined, null, [], {}, { data: 'x' }, { data: [null, 7, {}, { id: '' }, { id: 3 }] }])(
    'is empty for %j',
    (body) => expect(listing?.read(body)).toEqual({ models: [], next: undefined }),
  );
});
