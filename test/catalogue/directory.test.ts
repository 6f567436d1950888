import { describe, expect, it } from 'vitest';
import { ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { directory } from '../../src/catalogue/directory.ts';

const providers = [
  { name: 'vllm', kind: 'openai_compatible', models: ['meta/llama', 'shared'] },
  { name: 'openai', kind: 'openai', models: [] },
  { name: 'other', kind: 'openai_compatible', models: ['shared'] },
];

const with_ = (defaultModel?: string, defaultProvider?: string) =>
  directory({ providers, defaultModel, defaultProvider, allowed: ({ provider }) => provider !== 'other' });

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

  it.each([
    ['unheard-of', 'model_not_found'],
    ['vendor/unheard-of', 'model_not_found'],
    ['mock/echo', 'provider_not_configured'],
    ['', 'invalid_request'],
  ])('refuses %j with %s', (model, kind) => {
    expect(() => with_().resolve(model)).toThrow(expect.objectContaining({ kind }));
  });
});

describe('list', () => {
  const models = with_().list();

  it('has the models of the catalogue and of the configuration, and whether they are allowed', () => {
    const named = models.map(({ provider, id, allowed }) => `${provider}/${id} ${allowed}`);
    expect(named).toContain('vllm/meta/llama true');
    expect(named).toContain('other/shared false');
    expect(named).toContain('openai/gpt-6-luna true');
    expect(new Set(named).size).toBe(named.length);
  });

  it('says what is known of them', () => {
    expect(models.find(({ id }) => id === 'gpt-6-luna')).toMatchObject({
      tier: ModelTier.ECONOMY,
      lifecycle: ModelLifecycle.ACTIVE,
      maxOutputTokens: 128_000,
    });
    expect(models.find(({ id }) => id === 'meta/llama')).toMatchObject({ tier: 0, lifecycle: 0, abilities: [] });
    expect(models.find(({ id }) => id === 'meta/llama')?.contextWindowTokens).toBeUndefined();
  });
});
