// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { catalogue, catalogueProviders } from '../../src/catalogue/catalogue.ts';
import { offeredIds } from '../../src/config/models.ts';
import { type Env, KEY, load, problemsOf, said } from './loading.ts';

const LOCAL = { LLM_BASE_URL: 'http://127.0.0.1:8000/v1', LLM_PROVIDER: 'vllm' };

const FILE = `
providers:
  openai: {}
  vllm: { base_url: "http://localhost:8000/v1", models: [meta/llama, openai/oss] }
`;

/** OpenAI's model of each tier, the standard one first. */
const TIERS = ['openai/gpt-6.1-terra', 'openai/gpt-6-luna', 'openai/gpt-6.1-sol'];

/** Those of the other providers of the catalogue, which the mock can play too. */
const others = catalogueProviders()
  .filter((kind) => kind !== 'openai' && kind !== 'mock')
  .map((kind) => ({ name: kind, kind, models: [] }));
const known = catalogue({ providers: others });
const OTHERS = others.flatMap((place) => offeredIds(place, known).map((id) => `${place.name}/${id}`));

describe('the models', () => {
  it.each<[string, Env, string | undefined, { defaultModel: unknown; defaultProvider: unknown; allowed: string[] }]>([
    ['mock', {}, undefined, { defaultModel: 'mock/echo', defaultProvider: 'mock', allowed: ['mock/*'] }],
    [
      'OpenAI',
      KEY,
      undefined,
      { defaultModel: 'openai/gpt-6.1-terra', defaultProvider: 'openai', allowed: [...TIERS] },
    ],
    [
      'OpenAI with a chosen default, which is allowed without being listed',
      { ...KEY, LLM_DEFAULT_MODEL: 'gpt-6-luna' },
      undefined,
      {
        defaultModel: 'openai/gpt-6-luna',
        defaultProvider: 'openai',
        allowed: [...TIERS],
      },
    ],
    [
      'a list, and the stand-in for the default that is not on it',
      { ...KEY, ALLOWED_MODELS: ' openai/o* , gpt-6-luna,, gpt-6-sol' },
      undefined,
      {
        defaultModel: 'openai/gpt-6-luna',
        defaultProvider: 'openai',
        allowed: ['openai/o*', 'gpt-6-luna', 'gpt-6-sol'],
      },
    ],
    [
      'a list of stars only',
      { ...KEY, ALLOWED_MODELS: 'openai/o*' },
      undefined,
      { defaultModel: undefined, defaultProvider: 'openai', allowed: ['openai/o*'] },
    ],
    [
      'a local server with a model',
      { ...LOCAL, LLM_DEFAULT_MODEL: 'meta/llama' },
      undefined,
      { defaultModel: 'vllm/meta/llama', defaultProvider: 'vllm', allowed: ['vllm/meta/llama'] },
    ],
    [
      'a local default provider without a known model does not fall back on OpenAI',
      { ...LOCAL, ...KEY },
      undefined,
      { defaultModel: undefined, defaultProvider: 'vllm', allowed: [...TIERS] },
    ],
    [
      'the only model allowed by name, at a provider that is not the first',
      { ...KEY, ALLOWED_MODELS: 'vllm/*, meta/llama' },
      FILE,
      { defaultModel: 'vllm/meta/llama', defaultProvider: 'openai', allowed: ['vllm/*', 'meta/llama'] },
    ],
    [
      'a nameless local server is the default provider',
      { LLM_BASE_URL: LOCAL.LLM_BASE_URL, ...KEY, ALLOWED_MODELS: '*' },
      undefined,
      { defaultModel: undefined, defaultProvider: 'openai_compatible', allowed: ['*'] },
    ],
    [
      'models of the file',
      KEY,
      FILE,
      {
        defaultModel: 'openai/gpt-6.1-terra',
        defaultProvider: 'openai',
        allowed: [...TIERS, 'vllm/meta/llama', 'vllm/openai/oss'],
      },
    ],
    [
      'the default provider of the file',
      KEY,
      `${FILE}models: { default_provider: vllm }\n`,
      {
        defaultModel: 'vllm/meta/llama',
        defaultProvider: 'vllm',
        allowed: ['vllm/meta/llama', 'vllm/openai/oss', ...TIERS],
      },
    ],
    [
      'the mock for everything, without a key',
      { USE_MOCK_LLM: 'true' },
      undefined,
      { defaultModel: 'mock/echo', defaultProvider: 'mock', allowed: ['mock/*', ...TIERS, ...OTHERS] },
    ],
    [
      'the mock in the place of a provider without a key',
      { USE_MOCK_LLM: 'true', LLM_PROVIDER: 'openai', LLM_DEFAULT_MODEL: 'gpt-5' },
      undefined,
      {
        defaultModel: 'openai/gpt-5',
        defaultProvider: 'openai',
        allowed: [...TIERS, 'mock/*', ...OTHERS, 'openai/gpt-5'],
      },
    ],
  ])('%s', (_, env, file, expected) => {
    const { defaultModel, defaultProvider, allowedModels: allowed } = load(env, file);
    expect({ defaultModel, defaultProvider, allowed }).toEqual(expected);
  });
});

it('takes the tiers of the catalogue as the file has them', () => {
  const file = `
catalogue:
  models:
    groq/llama-big: { tier: standard }
    groq/llama-small: { tier: economy }
    openai/gpt-5: { tier: premium, retirement_date: 2027-05-05 }
`;
  const { allowedModels, defaultModel } = load({ GROQ_API_KEY: 'k', ...KEY, LLM_PROVIDER: 'groq' }, file);
  expect(defaultModel).toBe('groq/llama-big');
  expect(allowedModels.toSorted()).toEqual(['groq/llama-big', 'groq/llama-small', 'openai/gpt-5', ...TIERS].toSorted());
  const { notices } = load({ ...KEY, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-5' }, file);
  expect(notices.join()).toContain('2027-05-05');
});

describe('a default model', () => {
  it.each([
    ['openai/gpt-5', 'openai/gpt-5'],
    ['gpt-5', 'openai/gpt-5'],
    ['gpt-5-2025-08-07', 'openai/gpt-5-2025-08-07'],
    ['vllm/anything/at/all', 'vllm/anything/at/all'],
    ['meta/llama', 'vllm/meta/llama'],
    ['openai/oss', 'openai/oss'],
    ['brand-new', 'openai/brand-new'],
    ['some/thing', 'openai/some/thing'],
  ])('%s means %s', (LLM_DEFAULT_MODEL, expected) => {
    expect(load({ ...KEY, LLM_DEFAULT_MODEL }, FILE).defaultModel).toBe(expected);
  });

  it.each([
    ['openai/oss', 'vllm/openai/oss'],
    ['gpt-5', 'vllm/gpt-5'],
  ])('%s means %s where only the other provider is on', (LLM_DEFAULT_MODEL, expected) => {
    expect(load({ LLM_DEFAULT_MODEL }, FILE).defaultModel).toBe(expected);
  });

  it.each<[Env, string]>([
    [{ LLM_DEFAULT_MODEL: 'openai/gpt-5' }, 'LLM_DEFAULT_MODEL is a model of a provider that is not on'],
    [{ ...KEY, LLM_DEFAULT_MODEL: 'mistral/small' }, 'LLM_DEFAULT_MODEL is a model of a provider that is not on'],
    [{ ...KEY, LLM_DEFAULT_MODEL: 'openai/' }, 'LLM_DEFAULT_MODEL has no id after the provider'],
    [{ ...KEY, LLM_DEFAULT_MODEL: 'a b' }, 'LLM_DEFAULT_MODEL is not a model id'],
    [{ ...KEY, LLM_DEFAULT_MODEL: 'gpt-*' }, 'LLM_DEFAULT_MODEL is not a model id'],
    [{ ...KEY, LLM_DEFAULT_MODEL: 'gpt-5', ALLOWED_MODELS: 'o3' }, 'LLM_DEFAULT_MODEL is not among the allowed models'],
    [{ ...KEY, ALLOWED_MODELS: ',' }, 'ALLOWED_MODELS is empty'],
    [{ ...KEY, ALLOWED_MODELS: 'gpt 5' }, 'models.allowed[0] is not a model pattern'],
    [LOCAL, 'ALLOWED_MODELS is not set, and no model of the providers that are on is known'],
  ])('%j: %s', (env, expected) => {
    expect(said(env)).toEqual([expected]);
  });

  it('is offered as a fix by name', () => {
    expect(problemsOf(LOCAL)[0]?.fix).toBe('Set it, for example to vllm/*, or name a model as LLM_DEFAULT_MODEL.');
  });
});

describe('what the start says', () => {
  it.each<[string, Env, string[]]>([
    [
      'nothing set',
      {},
      [
        'No provider has a key, so the mock answers and no model is called. Set OPENAI_API_KEY, or LLM_BASE_URL for another server.',
        'ALLOWED_MODELS is not set, so these may be called: mock/*.',
        'LLM_DEFAULT_MODEL is not set, so a call that names no model goes to mock/echo.',
      ],
    ],
    ['everything set', { ...KEY, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-6-luna' }, []],
    [
      'an old default',
      { ...KEY, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-5' },
      ['The default model openai/gpt-5 is no longer served from 2026-12-11 on; choose a newer one.'],
    ],
    [
      'no default',
      { ...KEY, ALLOWED_MODELS: 'openai/o*' },
      ['There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.'],
    ],
    [
      'a provider none of whose models is known',
      { ...KEY, ...LOCAL },
      [
        'ALLOWED_MODELS is not set, so these may be called: openai/gpt-6.1-terra, openai/gpt-6-luna, openai/gpt-6.1-sol.',
        'No model of vllm may be called, since none is known: list them in ALLOWED_MODELS.',
        'There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.',
      ],
    ],
    [
      'several providers none of whose models is known',
      { ...KEY, GROQ_API_KEY: 'k1', XAI_API_KEY: 'k2', ...LOCAL, LLM_PROVIDER: 'mine' },
      [
        'ALLOWED_MODELS is not set, so these may be called: openai/gpt-6.1-terra, openai/gpt-6-luna, openai/gpt-6.1-sol.',
        'No model of mine, groq and xai may be called, since none is known: list them in ALLOWED_MODELS.',
        'There is no default model, so every call must name one: set LLM_DEFAULT_MODEL.',
      ],
    ],
    [
      'the mock for everything',
      { USE_MOCK_LLM: 'yes', ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'mock/echo' },
      ['USE_MOCK_LLM is true: the mock answers for every model, and none is called.'],
    ],
  ])('%s', (_, env, expected) => {
    expect(load(env).notices).toEqual(expected);
  });

  const whole = { ...KEY, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-6-luna' };
  it.each<[Env, string]>([
    [{ GROQ_BASE_URL: 'https://x.example' }, 'The provider groq is off: GROQ_API_KEY is not set.'],
    [{ AZURE_API_KEY: 'x' }, 'The provider azure is off: AZURE_BASE_URL is not set.'],
    [{ LLM_API_KEY: 'x' }, 'LLM_API_KEY is set and not used: set LLM_PROVIDER or LLM_BASE_URL to say whose key it is.'],
    [{ ANTIPHON_GRCP_PORT: '1' }, 'ANTIPHON_GRCP_PORT is set and not known: did you mean ANTIPHON_GRPC_PORT?'],
    [
      { ANTIPHON_HOST: '0.0.0.0', ANTIPHON_AUTH: 'none' },
      'Listening on 0.0.0.0: whoever reaches it may call, since access.auth is none.',
    ],
  ])('%j', (env, expected) => {
    expect(load({ ...whole, ...env }).notices).toEqual([expected]);
  });

  it('is nothing about what a container platform sets, or about this machine', () => {
    const env = { ANTIPHON_PORT: 'tcp://1', ANTIPHON_SERVICE_HOST: '1', ANTIPHON_HOST: '127.0.0.2' };
    expect(load({ ...whole, ...env }).notices).toEqual([]);
  });

  it.each([
    ['{ lifecycle: retired }', 'is no longer served; choose a newer one.'],
    ['{ retirement_date: 2027-03-01 }', 'is no longer served from 2027-03-01 on; choose a newer one.'],
    ['{ lifecycle: active }', undefined],
  ])('says of a default that the file calls %s: %s', (entry, end) => {
    const env = { ...KEY, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-6-luna' };
    const { notices } = load(env, `catalogue: { models: { openai/gpt-6-luna: ${entry} } }`);
    expect(notices).toEqual(end === undefined ? [] : [`The default model openai/gpt-6-luna ${end}`]);
  });

  it('says that the file knows models of a provider that is not on', () => {
    const file = 'catalogue: { models: { groq/a: {}, groq/b: {}, openai/c: {} } }';
    expect(load(whole, file).notices).toEqual([
      'catalogue.models has models of groq, which is not on, so they have no effect.',
    ]);
    expect(load(whole, file.replaceAll('groq', 'opneai')).notices).toEqual([
      'catalogue.models has models of opneai, which is not on, so they have no effect: did you mean openai?',
    ]);
  });

  it('is nothing about a key that the file uses', () => {
    const file = 'providers: { groq: { base_url: "https://x.example", api_key: "${GROQ_API_KEY}" } }';
    expect(load({ ...whole, GROQ_API_KEY: 'k' }, file).notices).toEqual([]);
  });

  it('says that the mock of the file stays off', () => {
    const { notices, providers } = load({ ...whole, USE_MOCK_LLM: '0' }, 'providers: { mock: {} }');
    expect(notices).toEqual(['The provider mock is in the file, and stays off: USE_MOCK_LLM is false.']);
    expect(providers.map(({ name }) => name)).toEqual(['openai']);
  });
});
