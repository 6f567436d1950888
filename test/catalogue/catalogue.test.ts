import { describe, expect, it } from 'vitest';
import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { catalogue } from '../../src/catalogue/catalogue.ts';
import type { ModelOverride } from '../../src/catalogue/override.ts';
import { type Price, usd } from '../../src/catalogue/rates.ts';

const providers = [
  { name: 'openai', kind: 'openai' },
  { name: 'east', kind: 'openai' },
  { name: 'local', kind: 'openai_compatible' },
  { name: 'pretend', kind: 'mock' },
];

const price: Price = { ...usd('7', '9'), tiers: [], servicePercent: {}, source: 'configuration', asOf: '' };

const made = (overrides: Record<string, ModelOverride> = {}) =>
  catalogue({ providers, overrides: new Map(Object.entries(overrides)) });

const LUNA = { provider: 'openai', model: 'gpt-6-luna' };
const EAST_LUNA = { provider: 'east', model: 'gpt-6-luna' };
const NOVA = { provider: 'local', model: 'nova' };

describe('what is built in', () => {
  it('is found under the name of each provider of the kind', () => {
    expect(made().find(LUNA)).toMatchObject({ provider: 'openai', id: 'gpt-6-luna', tier: ModelTier.ECONOMY });
    expect(made().find(EAST_LUNA)).toMatchObject({ provider: 'east', id: 'gpt-6-luna' });
    expect(made().modelsOf('east')).toHaveLength(29);
  });

  it.each(['local', 'anthropic', 'nobody', 'constructor'])('is nothing of %s', (provider) => {
    expect(made().find({ provider, model: 'gpt-6-luna' })).toBeUndefined();
    expect(made().modelsOf(provider)).toEqual([]);
    expect(made().price({ provider, model: 'gpt-6-luna' })).toBeUndefined();
  });

  it('says that the mock is free, whatever it plays', () => {
    expect(made().price({ provider: 'pretend', model: 'gpt-6-luna' })).toMatchObject({ input: 0n, output: 0n });
    expect(made().find({ provider: 'pretend', model: 'gpt-6-luna' })).toBeUndefined();
  });
});

describe('what the configuration says', () => {
  it('replaces what it names, at that provider only', () => {
    const known = made({ 'east/gpt-6-luna': { price, maxOutputTokens: 5 } });
    expect(known.find(EAST_LUNA)).toMatchObject({ price, maxOutputTokens: 5, tier: ModelTier.ECONOMY });
    expect(known.find(LUNA)?.price).not.toEqual(price);
    expect(known.modelsOf('east')).toHaveLength(29);
  });

  it('is that of versions, too, unless they have their own', () => {
    const known = made({ 'openai/gpt-5': { price }, 'openai/gpt-5-2025-08-07': { maxOutputTokens: 5 } });
    expect(known.price({ provider: 'openai', model: 'gpt-5-2026-01-01' })).toEqual(price);
    expect(known.find({ provider: 'openai', model: 'gpt-5-2025-08-07' })).toMatchObject({
      id: 'gpt-5-2025-08-07',
      price,
      maxOutputTokens: 5,
      contextWindowTokens: 400_000,
    });
  });

  it('is that of versions, though a listing tells of them', () => {
    const known = made({ 'openai/gpt-5': { price, maxOutputTokens: 5 }, 'openai/gpt-4o': { price } });
    const listed = ['gpt-5-2025-08-07', 'gpt-4o-2024-05-13'].map((id) => ({ id, maxOutputTokens: 7 }));
    known.learn('openai', listed, '2026-11-21');
    const version = { provider: 'openai', model: 'gpt-5-2025-08-07' };
    expect(known.find(version)).toMatchObject({ id: version.model, price, maxOutputTokens: 5 });
    const dearer = known.find({ provider: 'openai', model: 'gpt-4o-2024-05-13' });
    expect(dearer).toMatchObject({ price: { input: 5_000_000_000n }, maxOutputTokens: 7 });
  });

  it('leaves the tier with the model itself', () => {
    const known = made({ 'openai/gpt-6-luna-2026-09-01': { maxOutputTokens: 5 } });
    expect(known.find({ provider: 'openai', model: 'gpt-6-luna-2026-09-01' })?.tier).toBeUndefined();
    expect(known.find(LUNA)?.tier).toBe(ModelTier.ECONOMY);
    const chosen = made({ 'openai/gpt-6-sol': { tier: ModelTier.PREMIUM } });
    chosen.learn('openai', [{ id: 'gpt-6-sol-2026-09-01' }], '2026-11-21');
    expect(chosen.find({ provider: 'openai', model: 'gpt-6-sol' })?.tier).toBe(ModelTier.PREMIUM);
    expect(chosen.find({ provider: 'openai', model: 'gpt-6-sol-2026-09-01' })?.tier).toBeUndefined();
  });

  it('makes a model known', () => {
    const known = made({ 'local/nova': { price, abilities: [ModelAbility.TOOLS] } });
    expect(known.modelsOf('local')).toEqual([
      {
        provider: 'local',
        id: 'nova',
        tier: undefined,
        abilities: [ModelAbility.TOOLS],
        contextWindowTokens: undefined,
        maxInputTokens: undefined,
        maxOutputTokens: undefined,
        lifecycle: ModelLifecycle.ACTIVE,
        retirementDate: '',
        successor: undefined,
        endpoints: [],
        price,
      },
    ]);
    expect(known.find(NOVA)).toBe(known.modelsOf('local')[0]);
  });

  it('may name ids with slashes', () => {
    const known = made({ 'local/vendor/nova': { price } });
    expect(known.price({ provider: 'local', model: 'vendor/nova' })).toEqual(price);
  });
});

describe('what a listing says', () => {
  const DAY = '2026-11-21';

  it('adds to what is built in, and is beaten by the configuration', () => {
    const known = made({ 'openai/gpt-6-sol': { maxOutputTokens: 5 } });
    const some = { maxOutputTokens: 7, maxInputTokens: 8 };
    known.learn('openai', [{ id: 'gpt-6-luna', ...some }, { id: 'gpt-6-sol', ...some }, { id: 'brand-new' }], DAY);
    expect(known.find(LUNA)).toMatchObject({ ...some, tier: ModelTier.ECONOMY });
    expect(known.find({ ...LUNA, model: 'gpt-6-sol' })).toMatchObject({ maxOutputTokens: 5, maxInputTokens: 8 });
    expect(known.find({ ...LUNA, model: 'brand-new' })).toMatchObject({ lifecycle: ModelLifecycle.ACTIVE });
    expect(known.modelsOf('openai')).toHaveLength(30);
    expect(known.find(EAST_LUNA)?.maxInputTokens).toBe(922_000);
  });

  it('gives prices with where and when they were read', () => {
    const known = made();
    known.learn('local', [{ id: 'nova', price: { input: 1, output: 2 } }], DAY);
    expect(known.price(NOVA)).toMatchObject({ input: 10n ** 9n, source: 'listing of local', asOf: DAY });
  });

  it('replaces what the last one said', () => {
    const known = made();
    known.learn('local', [{ id: 'nova' }], DAY);
    known.learn('local', [{ id: 'vega' }], DAY);
    expect(known.modelsOf('local').map(({ id }) => id)).toEqual(['vega']);
    expect(known.listed(NOVA)).toBe(false);
  });

  it('tells what is listed, with a version or without', () => {
    const known = made();
    expect(known.listed(LUNA)).toBeUndefined();
    known.learn('openai', [{ id: 'gpt-5-2025-08-07' }], DAY);
    expect(known.listed({ ...LUNA, model: 'gpt-5-2025-08-07' })).toBe(true);
    expect(known.listed({ ...LUNA, model: 'gpt-5' })).toBe(true);
    expect(known.listed(LUNA)).toBe(false);
    expect(known.listed(EAST_LUNA)).toBeUndefined();
  });

  it('of a provider that is not configured is ignored', () => {
    const known = made();
    const before = known.revision;
    known.learn('nobody', [{ id: 'nova' }], DAY);
    expect(known.revision).toBe(before);
    expect(known.modelsOf('nobody')).toEqual([]);
    known.learn('local', [], DAY);
    expect(known.revision).not.toBe(before);
  });
});
