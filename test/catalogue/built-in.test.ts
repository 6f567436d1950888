import { describe, expect, it } from 'vitest';
import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { catalogueProviders, findModel, modelsOf } from '../../src/catalogue/catalogue.ts';
import { lifecycleOn, type ModelFacts } from '../../src/catalogue/facts.ts';
import type { Price, Rates } from '../../src/catalogue/rates.ts';

const TODAY = '2026-11-21';
const { ACTIVE, DEPRECATED, RETIRED } = ModelLifecycle;

const all = catalogueProviders().flatMap((provider) => modelsOf(provider));
const rows = all.map((facts) => [`${facts.provider}/${facts.id}`, facts] as const);
const priced = all.flatMap(({ provider, id, price }) => (price ? [[`${provider}/${id}`, price] as const] : []));

describe('findModel', () => {
  it.each([
    ['openai', 'gpt-5', 'gpt-5'],
    ['openai', 'gpt-5-2025-08-07', 'gpt-5'],
    ['openai', 'gpt-4.1-mini-2025-04-14', 'gpt-4.1-mini'],
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
    ['openai', 'gpt-4o-2024-05-13', 'gpt-4o-2024-05-13'],
    ['anthropic', 'claude-haiku-4-5-20251001', 'claude-haiku-4-5'],
    ['anthropic', 'claude-3-5-sonnet-20240620', 'claude-3-5-sonnet-20240620'],
    ['anthropic', 'claude-3-5-sonnet-latest', 'claude-3-5-sonnet'],
    ['anthropic', 'claude-3-5-haiku-latest', 'claude-3-5-haiku-20241022'],
    ['anthropic', 'claude-3-5-haiku', 'claude-3-5-haiku-20241022'],
    ['anthropic', 'claude-sonnet-4-0', 'claude-sonnet-4-20250514'],
    ['google', 'gemini-1.5-flash-002', 'gemini-1.5-flash'],
    ['google', 'gemini-1.5-pro-latest', 'gemini-1.5-pro'],
    ['mock', 'echo', 'echo'],
    ['google', 'gemini-1.5-flash-8b', undefined],
    ['google', 'gemini-flash-latest', undefined],
    ['anthropic', 'claude-haiku-4-5-2025-10-01', undefined],
    ['openai', 'gpt-5-2025-8-7', undefined],
    ['openai', 'gpt-5-latest', undefined],
    ['openai', 'gpt-99', undefined],
    ['openai', '', undefined],
    ['mock', 'gpt-5', undefined],
    ['groq', 'gpt-5', undefined],
    ['constructor', 'name', undefined],
  ])('%s %s: %s', (provider, id, expected) => {
    expect(findModel(provider, id)?.id).toBe(expected);
  });

  it('tells what a model can do, what it costs and how long it lives', () => {
    expect(findModel('openai', 'gpt-4.1')).toEqual({
      provider: 'openai',
      id: 'gpt-4.1',
      tier: undefined,
      contextWindowTokens: 1_047_576,
      maxInputTokens: undefined,
      maxOutputTokens: 32_768,
      abilities: [ModelAbility.IMAGE_INPUT, ModelAbility.DOCUMENT_INPUT, ModelAbility.TOOLS, ModelAbility.JSON_SCHEMA],
      lifecycle: DEPRECATED,
      retirementDate: '2027-01-14',
      successor: undefined,
      endpoints: ['chat', 'responses'],
      price: {
        input: 2_000_000_000n,
        output: 8_000_000_000n,
        cachedInput: 500_000_000n,
        cacheWrite: undefined,
        cacheWrite1h: undefined,
        audioInput: undefined,
        tiers: [],
        servicePercent: { flex: 50n, batch: 50n, priority: 175n, fast: 175n },
        source: 'npm:@earendil-works/pi-ai@1.5.2',
        asOf: '2026-11-10',
      },
    } satisfies ModelFacts);
  });
});

describe('what is built in', () => {
  it('has every id once', () => {
    expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
    const counts = catalogueProviders().map((kind) => [kind, modelsOf(kind).length]);
    expect(Object.fromEntries(counts)).toEqual({ openai: 29, anthropic: 24, google: 19, mock: 1 });
  });

  it.each(rows)('%s is consistent', (_, facts) => {
    const { provider, lifecycle, retirementDate, contextWindowTokens = 2, maxInputTokens = 0, maxOutputTokens } = facts;
    expect(catalogueProviders()).toContain(provider);
    if (lifecycle === ACTIVE) expect(retirementDate).toBe('');
    if (lifecycle === DEPRECATED) expect(retirementDate).not.toBe('');
    expect(retirementDate).toMatch(/^(\d{4}-\d{2}-\d{2})?$/);
    expect(lifecycleOn(TODAY, facts)).toBe(lifecycle);
    expect(maxOutputTokens ?? 1).toBeLessThan(contextWindowTokens);
    if (maxInputTokens > 0) expect(maxInputTokens + (maxOutputTokens ?? 0)).toBe(contextWindowTokens);
    expect(new Set(facts.abilities).size).toBe(facts.abilities.length);
    expect(facts.endpoints.length).toBeGreaterThan(0);
    const next = facts.successor && findModel(provider, facts.successor);
    if (facts.successor) expect(next).toMatchObject({ id: facts.successor, lifecycle: ACTIVE });
  });

  it.each(['openai', 'anthropic', 'google'])('has one active model in each tier of %s, dearer by tier', (kind) => {
    const tiered = modelsOf(kind).filter(({ tier }) => tier !== undefined);
    const byTier = tiered.toSorted((a, b) => Number(a.tier) - Number(b.tier));
    expect(byTier.map(({ tier }) => tier)).toEqual([ModelTier.ECONOMY, ModelTier.STANDARD, ModelTier.PREMIUM]);
    const costs = byTier.map(({ price }) => price?.output ?? 0n);
    expect(costs).toEqual(costs.toSorted((a, b) => Number(a - b)));
    for (const { lifecycle, endpoints } of tiered) {
      expect(lifecycle).toBe(ACTIVE);
      expect(endpoints).toContain({ openai: 'chat', anthropic: 'messages', google: 'generate' }[kind]);
    }
  });

  it.each([
    ['openai', 'gpt-4.1', DEPRECATED, '2027-01-14'],
    ['openai', 'gpt-4.1-mini', DEPRECATED, '2027-01-14'],
    ['openai', 'gpt-5', DEPRECATED, '2026-12-11'],
    ['openai', 'gpt-5-mini', DEPRECATED, '2026-12-11'],
    ['anthropic', 'claude-3-5-sonnet', RETIRED, '2025-10-28'],
    ['anthropic', 'claude-3-opus', RETIRED, '2026-01-05'],
    ['anthropic', 'claude-3-5-haiku-20241022', RETIRED, '2026-02-19'],
    ['google', 'gemini-1.5-pro', RETIRED, ''],
    ['google', 'gemini-1.5-flash', RETIRED, ''],
    ['google', 'gemini-2.0-flash-exp', RETIRED, ''],
  ])('knows the older name %s %s', (kind, id, lifecycle, retirementDate) => {
    expect(findModel(kind, id)).toMatchObject({ lifecycle, retirementDate });
  });
});

describe('what is built in of prices', () => {
  const inOrder = ({ cachedInput, input, cacheWrite, cacheWrite1h, output }: Rates) =>
    [cachedInput, input, cacheWrite, cacheWrite1h, output].filter((rate) => rate !== undefined);
  const checkRates = (rates: Rates) => {
    expect(inOrder(rates)).toEqual(inOrder(rates).toSorted((a, b) => (a < b ? -1 : 1)));
    if (rates.cacheWrite1h !== undefined) expect(rates.cacheWrite1h).toBe(2n * rates.input);
    if (rates.audioInput !== undefined) expect(rates.audioInput).toBeGreaterThanOrEqual(rates.input);
  };

  it.each(priced)('%s: each is in its place', (_, price: Price) => {
    let below: Rates = price;
    checkRates(price);
    for (const tier of price.tiers) {
      checkRates(tier);
      expect(tier.input).toBeGreaterThan(below.input);
      expect(tier.output).toBeGreaterThan(below.output);
      expect(tier.cachedInput === undefined).toBe(price.cachedInput === undefined);
      expect(tier.cacheWrite === undefined).toBe(price.cacheWrite === undefined);
      below = tier;
    }
    expect(price.source).not.toBe('');
  });

  it('says the day of each that is not free', () => {
    for (const [, price] of priced.filter(([name]) => name !== 'mock/echo'))
      expect(price.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  });

  it('leaves out what nobody told', () => {
    const unpriced = rows.filter(([, { price }]) => !price).map(([name]) => name);
    expect(unpriced).toEqual(['google/gemini-4-carbon', 'google/gemini-4-hydrogen']);
  });

  it('tells free of charge from unknown', () => {
    expect(findModel('google', 'gemini-2.0-flash-exp')?.price).toMatchObject({ input: 0n, output: 0n });
  });
});
