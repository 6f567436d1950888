import { describe, expect, it } from 'vitest';
import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { catalogueProviders, findModel, modelsOf } from '../../src/catalogue/catalogue.ts';
import { openaiModels } from '../../src/catalogue/openai.ts';

const all = catalogueProviders().flatMap((provider) => modelsOf(provider));

describe('findModel', () => {
  it.each([
    ['openai', 'gpt-5', 'gpt-5'],
    ['openai', 'gpt-5-2025-08-07', 'gpt-5'],
    ['openai', 'gpt-4.1-mini-2025-04-14', 'gpt-4.1-mini'],
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
    ['mock', 'echo', 'echo'],
    ['openai', 'gpt-5-2025-8-7', undefined],
    ['openai', 'gpt-5-latest', undefined],
    ['openai', 'gpt-99', undefined],
    ['openai', '', undefined],
    ['groq', 'gpt-5', undefined],
    ['constructor', 'name', undefined],
  ])('%s %s: %s', (provider, id, expected) => {
    expect(findModel(provider, id)?.id).toBe(expected);
  });

  it('tells what a model can do and how long it lives', () => {
    expect(findModel('openai', 'gpt-4.1')).toEqual({
      provider: 'openai',
      id: 'gpt-4.1',
      tier: undefined,
      contextWindowTokens: 1_047_576,
      maxOutputTokens: 32_768,
      abilities: [ModelAbility.IMAGE_INPUT, ModelAbility.DOCUMENT_INPUT, ModelAbility.TOOLS, ModelAbility.JSON_SCHEMA],
      lifecycle: ModelLifecycle.DEPRECATED,
      retirementDate: '2027-01-14',
      endpoints: ['chat', 'responses'],
    });
  });
});

describe('the facts', () => {
  it('has every id once', () => {
    const ids = all.map(({ provider, id }) => `${provider}/${id}`);
    expect(new Set(ids).size).toBe(ids.length);
    expect(openaiModels).toHaveLength(28);
  });

  it.each(all.map((facts) => [`${facts.provider}/${facts.id}`, facts] as const))('%s is consistent', (_, facts) => {
    const { lifecycle, retirementDate, contextWindowTokens = 2, maxOutputTokens = 1 } = facts;
    expect(lifecycle === ModelLifecycle.ACTIVE).toBe(retirementDate === '');
    expect(retirementDate).toMatch(/^(\d{4}-\d{2}-\d{2})?$/);
    expect(maxOutputTokens).toBeLessThan(contextWindowTokens);
    expect(new Set(facts.abilities).size).toBe(facts.abilities.length);
    expect(facts.endpoints.length).toBeGreaterThan(0);
  });

  it('has one model in each tier of OpenAI, all of them active and on the chat endpoint', () => {
    const tiered = modelsOf('openai').filter(({ tier }) => tier !== undefined);
    expect(tiered.map(({ id, tier }) => [tier, id]).toSorted()).toEqual([
      [ModelTier.ECONOMY, 'gpt-6-luna'],
      [ModelTier.STANDARD, 'gpt-6.1-terra'],
      [ModelTier.PREMIUM, 'gpt-6.1-sol'],
    ]);
    for (const { lifecycle, endpoints } of tiered) {
      expect(lifecycle).toBe(ModelLifecycle.ACTIVE);
      expect(endpoints).toContain('chat');
    }
  });
});
