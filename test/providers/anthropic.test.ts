import { describe, expect, it } from 'vitest';
import { anthropicQuirks } from '../../src/providers/anthropic/models.ts';
import { anthropic } from '../../src/providers/anthropic.ts';

const ids = { callId: 'c1', traceId: 't', sessionId: 's', sourceAgent: 'a' };

const make = (headers: Record<string, string> = {}) =>
  anthropic.create({ name: 'mine', baseUrl: new URL('https://api.example.com/v1'), headers });

describe('headers', () => {
  it('sign the request and name the version', () => {
    const provider = make({ 'anthropic-beta': 'b' });
    expect(provider.headers(ids, 'key')).toEqual({
      'x-api-key': 'key',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'b',
    });
    expect([provider.name, provider.telemetryName, provider.requestIdHeader, provider.wantsBytes]).toEqual([
      'mine',
      'anthropic',
      'request-id',
      undefined,
    ]);
  });

  it('sign nothing without a key, and let the configured ones win', () => {
    expect(make().headers(ids, undefined)).toEqual({ 'anthropic-version': '2023-06-01' });
    expect(make({ 'x-api-key': 'other' }).headers(ids, 'key')['x-api-key']).toBe('other');
  });
});

it.each([
  ['https://api.example.com', 'https://api.example.com/v1'],
  ['https://api.example.com/', 'https://api.example.com/v1'],
  ['https://api.example.com/v1', 'https://api.example.com/v1'],
  ['https://proxy.example.com/anthropic', 'https://proxy.example.com/anthropic'],
])('%s means %s', (given, meant) => {
  expect(anthropic.create({ name: 'mine', baseUrl: new URL(given), headers: {} }).baseUrl.href).toBe(meant);
});

describe('the rules by model', () => {
  it.each<[string, number, string, string, string, string]>([
    // model, most tokens, sampling, efforts and budget, without thinking, what else it takes
    ['claude-sonnet-5-5', 128_000, 'never', 'low medium high xhigh max', 'between_tools', 'json system'],
    ['claude-opus-5-5', 128_000, 'never', 'low medium high xhigh max', 'always', 'json system'],
    ['claude-opus-5-5-20261001', 128_000, 'never', 'low medium high xhigh max', 'always', 'json system'],
    ['claude-fable-5-1', 128_000, 'never', 'low medium high xhigh max', 'always', 'json system'],
    ['claude-fable-5-2', 128_000, 'never', 'low medium high xhigh max', 'always', 'json system'],
    ['claude-mythos-5-2', 128_000, 'never', 'low medium high xhigh max', 'always', 'json system'],
    ['claude-haiku-5-5', 128_000, 'never', 'low medium high xhigh max', 'disabled', 'forced json system'],
    ['claude-fable-5', 128_000, 'never', 'low medium high xhigh max', 'always', 'forced json system'],
    ['claude-fable-5-20260609', 128_000, 'never', 'low medium high xhigh max', 'always', 'forced json system'],
    ['claude-opus-5', 128_000, 'never', 'low medium high xhigh max budget', 'disabled', 'forced json system'],
    ['claude-sonnet-5', 128_000, 'never', 'low medium high xhigh max budget', 'disabled', 'forced json system'],
    [
      'claude-sonnet-5-20260630',
      128_000,
      'never',
      'low medium high xhigh max budget',
      'disabled',
      'forced json system',
    ],
    ['claude-opus-4-8', 128_000, 'never', 'low medium high xhigh max budget', 'disabled', 'forced json system'],
    ['claude-opus-4-7', 128_000, 'never', 'low medium high xhigh max budget', 'disabled', 'forced json'],
    ['claude-opus-4-6', 128_000, 'one', 'low medium high max budget', 'disabled', 'forced json'],
    ['claude-sonnet-4-6', 128_000, 'one', 'low medium high max budget', 'disabled', 'forced prefill json'],
    ['claude-opus-4-5-20251101', 64_000, 'one', 'budget', 'disabled', 'forced prefill json'],
    ['claude-sonnet-4-5', 64_000, 'one', 'budget', 'disabled', 'forced prefill json'],
    ['claude-haiku-4-5-20251001', 64_000, 'one', 'budget', 'disabled', 'forced prefill json'],
    ['claude-opus-4-1-20250805', 32_000, 'both', 'budget', 'disabled', 'forced prefill json'],
    ['claude-opus-4-20250514', 32_000, 'both', 'budget', 'disabled', 'forced prefill'],
    ['claude-opus-4-0', 32_000, 'both', 'budget', 'disabled', 'forced prefill'],
    ['claude-sonnet-4-20250514', 64_000, 'both', 'budget', 'disabled', 'forced prefill'],
    ['claude-sonnet-4-0', 64_000, 'both', 'budget', 'disabled', 'forced prefill'],
    ['claude-3-7-sonnet-20250219', 64_000, 'both', 'budget', 'disabled', 'forced prefill'],
    ['claude-3-5-haiku-latest', 8_192, 'both', '', 'disabled', 'forced prefill'],
    ['claude-3-opus-20240229', 4_096, 'both', '', 'disabled', 'forced prefill'],
    ['claude-2.1', 4_096, 'both', '', 'disabled', 'forced prefill'],
  ])('%s', (model, most, sampling, thinking, without, takes) => {
    const quirks = anthropicQuirks(model);
    expect([quirks.defaultMaxTokens, quirks.mostTokens, quirks.sampling, quirks.withoutThinking]).toEqual([
      most,
      most,
      sampling,
      without,
    ]);
    expect([...quirks.efforts, ...(quirks.budget ? ['budget'] : [])].join(' ')).toBe(thinking);
    const { forcedTools: forced, prefill, jsonSchema: json, systemMessages: system } = quirks;
    expect(
      Object.entries({ forced, prefill, json, system })
        .flatMap(([word, is]) => (is ? word : []))
        .join(' '),
    ).toBe(takes);
  });

  it.each([
    'claude-opus-7',
    'claude-sonnet-5-6',
    'claude-fable-5-3',
    'claude-opus-4-9',
    'claude-sonnet-4-7',
    'claude-new-20280101',
    'another-model',
  ])('%s is taken for one of the newest, of which the most tokens are not known', (model) => {
    const { mostTokens, ...rest } = anthropicQuirks(model);
    expect(mostTokens).toBeUndefined();
    expect(rest).toEqual({ ...anthropicQuirks('claude-opus-5-5'), mostTokens: undefined, ...rest });
    expect([rest.sampling, rest.withoutThinking, rest.forcedTools, rest.budget]).toEqual([
      'never',
      'always',
      false,
      false,
    ]);
  });
});

describe('the listing', () => {
  const { listing } = make();

  it('tells limits and retirement', () => {
    const data = [
      { id: 'a', max_input_tokens: 1_000_000, max_tokens: 128_000, retires_at: '2026-11-30T00:00:00Z' },
      { id: 'b', max_input_tokens: null, retires_at: null },
      { id: 'c', max_tokens: -1, retires_at: 'soon' },
      { type: 'model' },
      7,
    ];
    expect(listing?.read({ data, has_more: false, last_id: 'c' })).toEqual({
      models: [
        { id: 'a', maxInputTokens: 1_000_000, maxOutputTokens: 128_000, retirementDate: '2026-11-30' },
        { id: 'b' },
        { id: 'c' },
      ],
      next: undefined,
    });
  });

  it('has pages', () => {
    expect(listing?.path).toBe('/models?limit=1000');
    expect(listing?.read({ data: [], has_more: true, last_id: 'a/b' }).next).toBe('/models?limit=1000&after_id=a%2Fb');
    expect(listing?.read({ data: [], has_more: true }).next).toBeUndefined();
  });

  it.each([undefined, null, [], 'x', {}, { data: {} }])('of %j is empty', (body) => {
    expect(listing?.read(body)).toEqual({ models: [], next: undefined });
  });
});
