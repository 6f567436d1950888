import { describe, expect, it } from 'vitest';
import { ModelAbility, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { catalogue } from '../../src/catalogue/catalogue.ts';
import { directory } from '../../src/catalogue/directory.ts';

const providers = [
  { name: 'vllm', kind: 'openai_compatible', models: ['meta/llama', 'shared'] },
  { name: 'openai', kind: 'openai', models: [] },
  { name: 'other', kind: 'openai_compatible', models: ['shared'] },
];

const with_ = (defaultModel?: string, defaultProvider?: string) =>
  directory({
    catalogue: catalogue({ providers }),
    today: () => '2026-11-21',
    providers,
    defaultModel,
    defaultProvider,
    allowed: ({ provider }) => provider !== 'other',
    off: ['idle'],
  });

describe('resolve', () => {
  it.each([
    ['openai/gpt-6-luna', ['openai/gpt-6-luna']],
    ['openai/not-in-the-catalogue', ['openai/not-in-the-catalogue']],
    ['vllm/meta/llama', ['vllm/meta/llama']],
    ['gpt-6-luna', ['openai/gpt-6-luna']],
    ['gpt-5-2025-08-07', ['openai/gpt-5-2025-08-07']],
    ['meta/llama', ['vllm/meta/llama']],
    ['shared', ['vllm/shared', 'other/shared']],
  ])('finds %s', (model, expected) => {
    const { targets } = with_().resolve(model);
    expect(targets.map((target) => `${target.provider}/${target.model}`)).toEqual(expected);
  });

  it('takes the default where none is named', () => {
    expect(with_('openai/gpt-6-luna').resolve('')).toEqual({
      targets: [{ provider: 'openai', model: 'gpt-6-luna' }],
      reason: 'the default model',
    });
  });

  it('gives what nobody is known to have to the default provider', () => {
    expect(with_(undefined, 'vllm').resolve('unheard-of').targets).toEqual([{ provider: 'vllm', model: 'unheard-of' }]);
    expect(with_(undefined, 'vllm').resolve('vendor/unheard-of').targets[0]?.model).toBe('vendor/unheard-of');
  });

  it('gives nothing of a provider that is off to the default provider', () => {
    expect(() => with_(undefined, 'vllm').resolve('idle/model')).toThrow(/provider "idle" is not/);
  });

  it.each([
    ['unheard-of', 'model_not_found'],
    ['vendor/unheard-of', 'model_not_found'],
    ['mock/echo', 'provider_not_configured'],
    ['idle/model', 'provider_not_configured'],
    ['', 'invalid_request'],
  ])('refuses %j with %s', (model, kind) => {
    expect(() => with_().resolve(model)).toThrow(expect.objectContaining({ kind }));
  });
});

it('says whose model it is that is not found', () => {
  expect(() => with_().resolve('claude-3-opus')).toThrow(/"claude-3-opus".* of the provider anthropic, which is not/);
  expect(() => with_().resolve('unheard-of')).toThrow(/"unheard-of"\. Name it/);
});

it('finds by its id alone what a listing has taught the catalogue', () => {
  const known = catalogue({ providers });
  const models = directory({
    catalogue: known,
    today: () => '2026-11-21',
    providers,
    defaultModel: undefined,
    defaultProvider: undefined,
    allowed: () => true,
  });
  expect(() => models.resolve('nova')).toThrow(expect.objectContaining({ kind: 'model_not_found' }));
  known.learn('other', [{ id: 'nova' }], '2026-11-21');
  expect(models.resolve('nova').targets).toEqual([{ provider: 'other', model: 'nova' }]);
});

it('asks those providers first that are ordered before the others', () => {
  const order = (...providerOrder: string[]) =>
    directory({
      catalogue: catalogue({ providers }),
      today: () => '2026-11-21',
      providers,
      providerOrder,
      defaultModel: undefined,
      defaultProvider: undefined,
      allowed: () => true,
    })
      .resolve('shared')
      .targets.map(({ provider }) => provider);
  expect(order()).toEqual(['vllm', 'other']);
  expect(order('other')).toEqual(['other', 'vllm']);
  expect(order('nobody', 'other', 'vllm', 'other')).toEqual(['other', 'vllm']);
});

it('tells which providers are switched on', () => {
  expect(['openai', 'vllm', 'anthropic', ''].map((name) => with_().has(name))).toEqual([true, true, false, false]);
});

it('tells what is known of a model', () => {
  expect(with_().find({ provider: 'openai', model: 'gpt-6-luna' })).toMatchObject({ maxInputTokens: 922_000 });
  expect(with_().find({ provider: 'vllm', model: 'meta/llama' })).toBeUndefined();
});

it('has the models of a tier that may be called', () => {
  expect(with_().ofTier(ModelTier.FAST)).toEqual([{ provider: 'openai', model: 'gpt-6-luna' }]);
  expect(with_().ofTier(ModelTier.UNSPECIFIED)).not.toContainEqual({ provider: 'other', model: 'shared' });
});

it('tells what a model costs, and when it ends', () => {
  const target = { provider: 'openai', model: 'gpt-5-2025-08-07' };
  expect(with_().price(target)).toMatchObject({ input: 1_250_000_000n });
  expect(with_().retirement(target)).toMatchObject({ isOver: false, date: '2026-12-11' });
  const unknown = { provider: 'vllm', model: 'meta/llama' };
  expect(with_().price(unknown)).toBeUndefined();
  expect(with_().retirement(unknown)).toBeUndefined();
});

describe('list', () => {
  const models = with_().list();
  const find = (wanted: string) => models.find(({ id }) => id === wanted);

  it('has the models of the catalogue and of the configuration, and whether they are allowed', () => {
    const named = models.map(({ provider, id, allowed }) => `${provider}/${id} ${allowed}`);
    expect(named).toContain('vllm/meta/llama true');
    expect(named).toContain('other/shared false');
    expect(named).toContain('openai/gpt-6-luna true');
    expect(new Set(named).size).toBe(named.length);
  });

  it('says all that is known of them', () => {
    expect(find('gpt-6-luna')).toEqual({
      $typeName: 'antiphon.v1.Model',
      id: 'gpt-6-luna',
      provider: 'openai',
      allowed: true,
      tier: ModelTier.ECONOMY,
      abilities: [ModelAbility.IMAGE_INPUT, ModelAbility.TOOLS, ModelAbility.JSON_SCHEMA, ModelAbility.REASONING],
      contextWindowTokens: 1_050_000,
      maxInputTokens: 922_000,
      maxOutputTokens: 128_000,
      lifecycle: ModelLifecycle.ACTIVE,
      retirementDate: '',
      availability: 0,
      price: {
        $typeName: 'antiphon.v1.ModelPrice',
        inputNanoUsdPerMillion: 100_000_000n,
        outputNanoUsdPerMillion: 500_000_000n,
        cachedInputNanoUsdPerMillion: 10_000_000n,
        cacheWriteNanoUsdPerMillion: 125_000_000n,
        source: 'npm:@earendil-works/pi-ai@1.5.2',
        asOf: '2026-11-10',
        tiers: [
          {
            $typeName: 'antiphon.v1.ModelPriceTier',
            aboveInputTokens: 272_000,
            inputNanoUsdPerMillion: 200_000_000n,
            outputNanoUsdPerMillion: 750_000_000n,
            cachedInputNanoUsdPerMillion: 20_000_000n,
            cacheWriteNanoUsdPerMillion: 250_000_000n,
          },
        ],
      },
    });
  });

  it('leaves open what is not known', () => {
    expect(find('meta/llama')).toEqual({
      $typeName: 'antiphon.v1.Model',
      id: 'meta/llama',
      provider: 'vllm',
      allowed: true,
      tier: 0,
      abilities: [],
      lifecycle: 0,
      retirementDate: '',
      availability: 0,
    });
  });

  it('has the prices for an hour and for audio where there are any', () => {
    const both = [
      { name: 'anthropic', kind: 'anthropic', models: [] },
      { name: 'google', kind: 'google', models: [] },
    ];
    const list = directory({
      catalogue: catalogue({ providers: both }),
      today: () => '2026-11-21',
      providers: both,
      defaultModel: undefined,
      defaultProvider: undefined,
      allowed: () => true,
    }).list();
    const price = (wanted: string) => list.find(({ id }) => id === wanted)?.price;
    expect(price('claude-haiku-4-5')?.cacheWrite1hNanoUsdPerMillion).toBe(2_000_000_000n);
    expect(price('gemini-2.5-flash')?.audioInputNanoUsdPerMillion).toBe(1_000_000_000n);
    expect(price('gemini-4-carbon')).toBeUndefined();
    expect(price('gemini-2.0-flash-exp')).toMatchObject({ inputNanoUsdPerMillion: 0n });
  });

  it('is as of today, and the same array until something has changed', () => {
    let today = '2026-12-10';
    const known = catalogue({ providers });
    const now = directory({
      catalogue: known,
      today: () => today,
      providers,
      defaultModel: undefined,
      defaultProvider: undefined,
      allowed: () => true,
    });
    const lifecycle = () => now.list().find(({ id }) => id === 'gpt-5')?.lifecycle;
    const before = now.list();
    expect(lifecycle()).toBe(ModelLifecycle.DEPRECATED);
    expect(now.list()).toBe(before);
    today = '2026-12-11';
    expect(lifecycle()).toBe(ModelLifecycle.RETIRED);
    known.learn('vllm', [{ id: 'meta/llama', contextWindowTokens: 8_192 }], today);
    const llama = () => now.list().find(({ id }) => id === 'meta/llama');
    expect(llama()).toMatchObject({ listed: true, contextWindowTokens: 8_192 });
    expect(now.list().find(({ id }) => id === 'gpt-5')).not.toHaveProperty('listed');
  });
});
