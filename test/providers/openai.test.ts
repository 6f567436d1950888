import { describe, expect, it } from 'vitest';
import { openai, openaiQuirks } from '../../src/providers/openai.ts';

const ids = { callId: 'c1', traceId: 't', sessionId: '', sourceAgent: '' };

const make = (headers: Record<string, string> = {}) =>
  openai.create({
    name: 'mine',
    baseUrl: new URL('https://api.example.com/v1'),
    headers,
  });

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

describe('the rules by model', () => {
  const LOW_TO_MAX = 'low medium high xhigh max';

  it.each<[string, string, string, string, boolean?]>([
    // model, role of instructions, efforts, sampling, tools exclude reasoning
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
    ['gpt-5.6-sol', 'developer', `none ${LOW_TO_MAX}`, 'effort_none', true],
    ['gpt-6-luna', 'developer', `none ${LOW_TO_MAX}`, 'effort_none'],
    ['gpt-6-sol', 'developer', `none ${LOW_TO_MAX}`, 'effort_none'],
    ['gpt-6.1-terra', 'developer', `none ${LOW_TO_MAX}`, 'effort_none'],
    ['gpt-6-astra', 'developer', LOW_TO_MAX, 'never'],
    ['gpt-6.1-sol', 'developer', LOW_TO_MAX, 'never'],
    ['gpt-7', 'developer', LOW_TO_MAX, 'never'],
    ['o1', 'developer', 'low medium high', 'never'],
    ['o1-mini', 'system', '', 'never'],
    ['o3', 'developer', 'low medium high', 'never'],
    ['o3-mini', 'developer', 'low medium high', 'never'],
    ['ft:o4-mini-2025-04-16:acme::abc', 'developer', 'low medium high', 'never'],
  ])('%s', (model, instructions, efforts, sampling, toolsWithoutReasoning = false) => {
    const quirks = openaiQuirks(model);
    expect({ ...quirks, efforts: quirks.efforts.join(' ') }).toMatchObject({
      useInstead: undefined,
      maxTokensField: 'max_completion_tokens',
      instructions,
      efforts,
      sampling,
      toolsWithoutReasoning,
    });
  });

  it.each([
    'gpt-5-pro',
    'gpt-5-pro-2025-10-06',
    'gpt-5.5-pro',
    'o1-pro',
    'o3-pro',
    'gpt-5.1-codex-mini',
    'codex-mini-latest',
    'o4-mini-deep-research',
  ])('%s is for the Responses API only', (model) => expect(openaiQuirks(model).useInstead).toContain('Responses API'));

  it.each([
    ['o3', 0],
    ['o4-mini', 0],
    ['o3-mini', 4],
    ['o1', 4],
    ['gpt-4.1', 4],
    ['gpt-5', 4],
  ])('%s takes %i stop texts', (model, stops) => expect(openaiQuirks(model).maxStops).toBe(stops));
});
