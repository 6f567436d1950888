import { describe, expect, it } from 'vitest';
import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { load, problemsOf, said } from './loading.ts';

const overrideOf = (fields: string) =>
  load({}, `catalogue:\n  models:\n    local/vendor/nova:\n      ${fields}\n`).catalogue.overrides.get(
    'local/vendor/nova',
  );

const rates = 'input_usd_per_million: 1, output_usd_per_million: 2';

describe('the catalogue of the file', () => {
  it('is empty unless something is set', () => {
    expect(load({}).catalogue).toEqual({ overrides: new Map(), refreshMs: undefined });
    expect(load({}, 'catalogue:\n  refresh_ms: 60000').catalogue.refreshMs).toBe(60_000);
  });

  it('may say everything of a model', () => {
    const file = `
catalogue:
  models:
    local/vendor/nova:
      context_window_tokens: 1000
      max_input_tokens: 900
      max_output_tokens: 100
      abilities: [tools, image_input, audio_input, document_input, json_schema, reasoning, tools]
      tier: economy
      lifecycle: deprecated
      retirement_date: "2027-01-31"
      price:
        input_usd_per_million: 0.1
        output_usd_per_million: 0.000000001
        cached_input_usd_per_million: 0
        cache_write_usd_per_million: 1.25
        cache_write_1h_usd_per_million: 2
        audio_input_usd_per_million: 0.7
        tiers:
          - { above_input_tokens: 200, input_usd_per_million: 3, output_usd_per_million: 4 }
          - { above_input_tokens: 100, input_usd_per_million: 1000000, output_usd_per_million: 2 }
        source: the contract
        as_of: "2026-11-20"
`;
    const none = { cachedInput: undefined, cacheWrite: undefined, cacheWrite1h: undefined, audioInput: undefined };
    expect(load({}, file).catalogue.overrides).toEqual(
      new Map([
        [
          'local/vendor/nova',
          {
            contextWindowTokens: 1000,
            maxInputTokens: 900,
            maxOutputTokens: 100,
            abilities: [
              ModelAbility.TOOLS,
              ModelAbility.IMAGE_INPUT,
              ModelAbility.AUDIO_INPUT,
              ModelAbility.DOCUMENT_INPUT,
              ModelAbility.JSON_SCHEMA,
              ModelAbility.REASONING,
            ],
            tier: ModelTier.FAST,
            lifecycle: ModelLifecycle.DEPRECATED,
            retirementDate: '2027-01-31',
            price: {
              input: 100_000_000n,
              output: 1n,
              cachedInput: 0n,
              cacheWrite: 1_250_000_000n,
              cacheWrite1h: 2_000_000_000n,
              audioInput: 700_000_000n,
              tiers: [
                { aboveInputTokens: 100, ...none, input: 10n ** 15n, output: 2_000_000_000n },
                { aboveInputTokens: 200, ...none, input: 3_000_000_000n, output: 4_000_000_000n },
              ],
              servicePercent: {},
              source: 'the contract',
              asOf: '2026-11-20',
            },
          },
        ],
      ]),
    );
  });

  it.each<[string, object]>([
    ['tier: fast', { tier: ModelTier.FAST }],
    ['tier: balanced', { tier: ModelTier.BALANCED }],
    ['tier: premium', { tier: ModelTier.PREMIUM }],
    ['tier: standard', { tier: ModelTier.BALANCED }],
    ['lifecycle: retired', { lifecycle: ModelLifecycle.RETIRED }],
    ['lifecycle: active', { lifecycle: ModelLifecycle.ACTIVE, retirementDate: '' }],
    ['retirement_date: "2027-01-31"', { lifecycle: ModelLifecycle.DEPRECATED, retirementDate: '2027-01-31' }],
    ['abilities: []', { abilities: [] }],
  ])('takes %s as it is meant', (fields, expected) => {
    expect(overrideOf(fields)).toEqual(expected);
  });

  it('says where a price is from, if nothing else is said', () => {
    expect(overrideOf(`price: { ${rates} }`)?.price).toMatchObject({ source: 'configuration', asOf: '', tiers: [] });
  });

  it.each([
    ['price: { input_usd_per_million: 1 }', 'price'],
    ['price: { input_usd_per_million: -1, output_usd_per_million: 1 }', 'price.input_usd_per_million'],
    ['price: { input_usd_per_million: 0.0000000001, output_usd_per_million: 1 }', 'price.input_usd_per_million'],
    [`price: { ${rates}, as_of: "20.11.2026" }`, 'price.as_of'],
    [`price: { ${rates}, tiers: [{ ${rates} }] }`, 'price.tiers[0].above_input_tokens'],
    ['retirement_date: "2027-13-01"', 'retirement_date'],
    ['abilities: [telepathy]', 'abilities[0]'],
    ['max_output_tokens: 0', 'max_output_tokens'],
  ])('refuses %s', (fields, path) => {
    const file = `catalogue:\n  models:\n    local/nova:\n      ${fields}\n`;
    const [problem] = problemsOf({}, file);
    expect(problem?.path).toContain('catalogue.models');
    expect(problem?.path.endsWith(path)).toBe(true);
  });

  it.each(['nova', 'Local/nova', 'local/', 'local/a b'])('refuses the name %s', (name) => {
    expect(said({}, `catalogue:\n  models:\n    "${name}": {}\n`).join()).toContain('is not a model at a provider');
  });
});
