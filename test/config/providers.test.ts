// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { providerAddress } from '../../src/config/addresses.ts';
import { type Env, KEY, load, said } from './loading.ts';

const on = (env: Env, file?: string) => load({ ALLOWED_MODELS: '*', ...env }, file).providers;
const summary = (env: Env, file?: string) =>
  on(env, file).map(({ name, kind, baseUrl, keys }) => [name, kind, baseUrl?.href, keys[0]?.value]);

const OPENAI = 'https://api.openai.com/v1';
const LOCAL = 'http://127.0.0.1:11434/v1';

describe('which providers are on', () => {
  it.each<[string, Env, unknown[][]]>([
    ['nothing: the mock', {}, [['mock', 'mock', undefined, undefined]]],
    ['an empty key', { OPENAI_API_KEY: ' ' }, [['mock', 'mock', undefined, undefined]]],
    ['OpenAI', { OPENAI_API_KEY: ' k1\n' }, [['openai', 'openai', OPENAI, 'k1']]],
    [
      'OpenAI elsewhere',
      { OPENAI_API_KEY: 'k1', OPENAI_BASE_URL: 'https://eu.example/v1/' },
      [['openai', 'openai', 'https://eu.example/v1', 'k1']],
    ],
    ['OpenAI by LLM_PROVIDER', { LLM_PROVIDER: 'openai', LLM_API_KEY: 'k2' }, [['openai', 'openai', OPENAI, 'k2']]],
    [
      'OpenAI by all three',
      { LLM_PROVIDER: 'openai', LLM_BASE_URL: LOCAL, LLM_API_KEY: 'k2' },
      [['openai', 'openai', LOCAL, 'k2']],
    ],
    [
      'both keys for OpenAI: its own',
      { LLM_PROVIDER: 'openai', LLM_API_KEY: 'k2', OPENAI_API_KEY: 'k1' },
      [['openai', 'openai', OPENAI, 'k1']],
    ],
    [
      'a server without a name or key',
      { LLM_BASE_URL: LOCAL },
      [['openai_compatible', 'openai_compatible', LOCAL, undefined]],
    ],
    [
      'a server with a name and key',
      { LLM_PROVIDER: 'groq', LLM_BASE_URL: LOCAL, LLM_API_KEY: 'k2' },
      [['groq', 'groq', LOCAL, 'k2']],
    ],
    [
      'a server and OpenAI',
      { LLM_BASE_URL: LOCAL, ...KEY },
      [
        ['openai_compatible', 'openai_compatible', LOCAL, undefined],
        ['openai', 'openai', OPENAI, KEY.OPENAI_API_KEY],
      ],
    ],
    [
      'the mock by name',
      { ...KEY, LLM_PROVIDER: 'mock' },
      [
        ['openai', 'openai', OPENAI, KEY.OPENAI_API_KEY],
        ['mock', 'mock', undefined, undefined],
      ],
    ],
    [
      'the mock for everything',
      { ...KEY, USE_MOCK_LLM: '1' },
      [
        ['openai', 'openai', OPENAI, KEY.OPENAI_API_KEY],
        ['mock', 'mock', undefined, undefined],
      ],
    ],
    ['never the mock', { ...KEY, USE_MOCK_LLM: 'No' }, [['openai', 'openai', OPENAI, KEY.OPENAI_API_KEY]]],
  ])('%s', (_, env, expected) => {
    expect(summary(env)).toEqual(expected);
  });

  it('takes any number of named ones from the file, and the environment wins over it', () => {
    const file = `
providers:
  vllm: { base_url: "http://localhost:8000/v1" }
  my-groq:
    base_url: https://groq.example/openai/v1
    api_key: \${GROQ}
  openai: { api_key: "\${OTHER:-}" }
  eu: { kind: openai, api_key: "\${OTHER:-}", base_url: "https://eu.example/v1" }
  mock:
`;
    const env = { ...KEY, GROQ: 'k3', MY_GROQ_BASE_URL: 'https://proxy.example/v1' };
    expect(summary(env, file)).toEqual([
      ['vllm', 'vllm', 'http://localhost:8000/v1', undefined],
      ['my-groq', 'openai_compatible', 'https://proxy.example/v1', 'k3'],
      ['openai', 'openai', OPENAI, KEY.OPENAI_API_KEY],
      ['mock', 'mock', undefined, undefined],
    ]);
    expect(load({ ALLOWED_MODELS: '*', ...env }, file).notices).toContain('The provider eu is off: it has no api_key.');
  });

  it('keeps LLM_BASE_URL for LLM_PROVIDER, even if there is a provider called llm', () => {
    const file = 'providers: { llm: { base_url: "https://llm.example" } }';
    const env = { LLM_PROVIDER: 'other', LLM_BASE_URL: LOCAL };
    expect(summary(env, file)).toEqual([
      ['llm', 'openai_compatible', 'https://llm.example/', undefined],
      ['other', 'openai_compatible', LOCAL, undefined],
    ]);
  });

  it('does not look at a reference that a variable has replaced', () => {
    const file = 'providers:\n  openai:\n    api_key: ${NOT_SET}\n';
    expect(on(KEY, file)[0]?.keys[0]?.value).toBe(KEY.OPENAI_API_KEY);
  });

  it('says that OpenAI is off if only its address is set', () => {
    const { providers, notices } = load({ OPENAI_BASE_URL: 'https://eu.example' });
    expect(providers.map(({ name }) => name)).toEqual(['mock']);
    expect(notices).toContain('The provider openai is off: OPENAI_API_KEY is not set.');
  });

  it('makes headers and the differences of a server', () => {
    const file = `
providers:
  x:
    base_url: https://x.example
    headers: { X-Team: a b, X-Api-Key: "Token \${K}" }
    models: [a, b]
    max_connections: 3
    compat: { max_tokens_field: max_completion_tokens, json_schema: true, stream_usage: false }
`;
    expect(on({ K: 'k9' }, file)[0]).toMatchObject({
      headers: { 'x-team': 'a b', 'x-api-key': 'Token k9' },
      models: ['a', 'b'],
      maxConnections: 3,
      compat: { maxTokensField: 'max_completion_tokens', streamUsage: false, jsonSchema: true },
    });
  });
});

it('gives kinds their special settings', () => {
  const file = `
providers:
  ours: { kind: yandex_ai_studio, api_key: "\${K}", folder_id: "\${F}", api: native, data_logging: true }
  openrouter: { api_key: "\${K}", app: { url: "https://app.example", title: Our App } }
`;
  const env = { K: 'k', F: 'b1g', YANDEX_FOLDER_ID: 'b1gother', YANDEX_API_KEY: 'k2' };
  expect(on(env, file)).toMatchObject([
    { name: 'ours', folderId: 'b1g', api: 'native', dataLogging: true, app: undefined, compat: undefined },
    { name: 'openrouter', app: { url: 'https://app.example', title: 'Our App' }, folderId: undefined },
    { name: 'yandex_ai_studio', folderId: 'b1gother', api: undefined, dataLogging: undefined },
  ]);
});

describe('problems with providers', () => {
  const provider = (lines: string) => `providers:\n  p:\n    base_url: https://p.example\n    ${lines}\n`;

  it.each([
    ['api_key: sk-literal', 'providers.p.api_key is written into the file'],
    ['api_key: "${K} "', 'providers.p.api_key is written into the file'],
    ['api_key: "${K:-sk-literal}"', 'providers.p.api_key is written into the file'],
    ['api_key: 12345', 'providers.p.api_key is not text'],
    [
      'api_key: ${BAD}',
      'providers.p.api_key has characters that no key has, such as spaces, quotes or line breaks within it',
    ],
    ['headers: { x-api-key: literal }', 'providers.p.headers.x-api-key is a credential written into the file'],
    ['headers: { Cookie: a=b }', 'providers.p.headers.Cookie is a credential written into the file'],
    ['headers: { token: "${K:-abc}" }', 'providers.p.headers.token is a credential written into the file'],
    ['headers: { Authorization: "Bearer ${K}" }', 'providers.p.headers.Authorization is made from the key'],
    ['headers: { Host: x }', 'providers.p.headers.Host is set by the gateway'],
    ['headers: { X-A: a, x-a: b }', 'providers.p.headers.x-a is there twice'],
    ['headers: { "a b": c }', 'providers.p.headers."a b" is not a possible name of a header'],
    [
      'headers: { a: "b\\nc: d" }',
      'providers.p.headers.a has characters that a header cannot carry, or more than 8,192',
    ],
    ['headers: { a: "${BAD}" }', 'providers.p.headers.a has characters that a header cannot carry, or more than 8,192'],
    ['headers: [a]', 'providers.p.headers is not a mapping'],
    ['models: [a b]', 'providers.p.models[0] is not a model id'],
    ['models: ["a*"]', 'providers.p.models[0] is not a model id'],
    ['kind: antropic', 'providers.p.kind is not one of the possible values'],
    ['kind: mock', 'providers.p.kind is mock'],
    ['max_connections: 0', 'providers.p.max_connections is too small'],
    ['compat: { json_schema: 1 }', 'providers.p.compat.json_schema is not true or false'],
    ['key: x', 'providers.p.key is not a known setting'],
  ])('%s: %s', (lines, expected) => {
    expect(said({ ALLOWED_MODELS: '*', K: 'k', BAD: 'a\nb' }, provider(lines))[0]).toBe(expected);
  });

  it.each([
    ['providers: { p: {} }', 'providers.p.base_url is missing'],
    ['providers:\n  p:\n', 'providers.p.base_url is missing'],
    ['providers: { p: { base_url: "" } }', 'providers.p.base_url is empty'],
    ['providers: { P: {} }', 'providers.P is not a possible name of a provider'],
    ['providers: { "a/b": {} }', 'providers."a/b" is not a possible name of a provider'],
    ['providers:\n  __proto__: { base_url: "https://x" }', 'providers.__proto__ is not a possible name'],
    ['providers: { openai: { kind: openai_compatible } }', 'providers.openai.kind does not suit the name "openai"'],
    ['providers: { groq: { kind: openai_compatible } }', 'providers.groq.kind does not suit the name "groq"'],
    ['providers: { openai: { compat: {} } }', 'providers.openai.compat has no effect here'],
    ['providers: { groq: { folder_id: x } }', 'providers.groq.folder_id has no effect here'],
    ['providers: { groq: { app: { title: x } } }', 'providers.groq.app has no effect here'],
    ['providers: { groq: { data_logging: false } }', 'providers.groq.data_logging has no effect here'],
    ['providers: { groq: { api: native } }', 'providers.groq.api has no effect here'],
    ['providers: { openai: { api: native } }', 'providers.openai.api is no interface of this kind'],
    ['providers: { ours: { kind: yandex_ai_studio, api_key: "${K}" } }', 'providers.ours.folder_id is missing'],
    [
      'providers: { ours: { kind: yandex_ai_studio, folder_id: "a b" } }',
      'providers.ours.folder_id is not the id of a folder',
    ],
    [
      'providers: { openrouter: { app: { url: example.com } } }',
      'providers.openrouter.app.url is not an http or https address',
    ],
    [
      'providers: { openrouter: { app: { title: " x" } } }',
      'providers.openrouter.app.title is not a possible name of an application',
    ],
    ['providers: { azure: { api_key: "${K}" } }', 'providers.azure.base_url is missing'],
    ['providers: { mock: { api_keys: [{ key: "${K}" }] } }', 'providers.mock.api_keys has no effect here'],
    ['providers: { mock: { base_url: "https://x", headers: { a: b } } }', 'providers.mock.base_url has no effect here'],
    ['providers: { mock: { headers: { a: b } } }', 'providers.mock.headers has no effect here'],
    ['providers: { mock: { api_key: "${K}" } }', 'providers.mock.api_key has no effect here'],
    ['providers: [a]', 'providers is not a mapping'],
    ['providers: text', 'providers is not a mapping'],
  ])('%s: %s', (file, expected) => {
    expect(said({ K: 'k' }, file)[0]).toBe(expected);
  });

  it.each([
    [{ LLM_PROVIDER: 'opnai' }, 'LLM_PROVIDER', 'Did you mean "openai"?'],
    [{ LLM_PROVIDER: 'groq' }, 'LLM_PROVIDER', 'Set GROQ_API_KEY, or name another.'],
    [{ LLM_PROVIDER: 'azure', AZURE_API_KEY: 'k' }, 'LLM_PROVIDER', 'Set AZURE_BASE_URL, or name another.'],
    [{ LLM_PROVIDER: 'far-away', LLM_API_KEY: 'k' }, 'LLM_PROVIDER', 'Set LLM_BASE_URL, or name another.'],
    [{ LLM_PROVIDER: 'openai' }, 'LLM_PROVIDER', 'Set OPENAI_API_KEY, or name another.'],
    [{ LLM_PROVIDER: 'far-away' }, 'LLM_PROVIDER', 'Set LLM_BASE_URL to its address, or list it in the file.'],
    [
      { LLM_PROVIDER: 'mock', USE_MOCK_LLM: 'false', ...KEY },
      'LLM_PROVIDER',
      'Leave USE_MOCK_LLM unset, or name another.',
    ],
  ])('%j: the provider is not on', (env, path, fix) => {
    expect(problem(env)).toEqual({ path, problem: 'names a provider that is not on', fix });
  });

  it.each([
    [{ LLM_PROVIDER: 'My Server', LLM_BASE_URL: LOCAL }, 'LLM_PROVIDER is not a possible name of a provider'],
    [{ LLM_PROVIDER: 'mock', LLM_BASE_URL: LOCAL }, 'LLM_BASE_URL has no effect here'],
    [{ LLM_BASE_URL: 'http://10.0.0.1/v1' }, 'LLM_BASE_URL is plain http to another machine'],
    [
      { OPENAI_API_KEY: 'a b' },
      'OPENAI_API_KEY has characters that no key has, such as spaces, quotes or line breaks within it',
    ],
    [{ USE_MOCK_LLM: 'false' }, 'USE_MOCK_LLM is false, and no other provider is on'],
  ])('%j: %s', (env, expected) => {
    expect(said(env)).toEqual([expected]);
  });

  it('names the place in the file if no variable is at fault', () => {
    expect(said({}, 'mock: { use: false }')).toEqual(['mock.use is false, and no other provider is on']);
  });
});

const problem = (env: Env) => {
  try {
    load(env);
  } catch (error) {
    return (error as { problems: unknown[] }).problems[0];
  }
  return undefined;
};

describe('providerAddress', () => {
  it.each([
    ['https://api.example.com/v1', 'https://api.example.com/v1'],
    ['https://api.example.com/v1///', 'https://api.example.com/v1'],
    ['https://api.example.com', 'https://api.example.com/'],
    ['HTTPS://API.example.com:8443/a', 'https://api.example.com:8443/a'],
    ['http://localhost:1/v1', 'http://localhost:1/v1'],
    ['http://127.8.9.10/v1', 'http://127.8.9.10/v1'],
    ['http://127.1/v1', 'http://127.0.0.1/v1'],
    ['http://[::1]:80/v1', 'http://[::1]/v1'],
  ])('takes %s', (text, expected) => {
    expect(providerAddress(text, false)).toMatchObject({ url: { href: expected } });
  });

  const plain = 'is plain http to another machine';
  const strange = 'is not an http or https address';
  it.each([
    ['http://example.com', plain],
    ['http://127.example.com', plain],
    ['http://localhost.example.com', plain],
    ['http://0.0.0.0', plain],
    ['http://[::ffff:10.0.0.1]', plain],
    ['http://169.254.169.254/v1', plain],
    ['ftp://example.com', strange],
    ['file:///etc/passwd', strange],
    ['example.com/v1', strange],
    ['https://', strange],
    ['https://exa mple.com', strange],
    ['https://example.com\\@other.example', strange],
    ['https://example.com/a\u0000b', strange],
    ['https://user:pass@example.com', 'has a user or password in it'],
    ['https://user@example.com', 'has a user or password in it'],
    ['https://example.com/v1?key=1', 'has a query or fragment'],
    ['https://example.com/v1?', 'has a query or fragment'],
    ['https://example.com/v1#', 'has a query or fragment'],
  ])('refuses %j: %s', (text, expected) => {
    expect(providerAddress(text, false)).toMatchObject({ problem: expected });
  });

  it('takes plain http to another machine only if that is said', () => {
    expect(providerAddress('http://10.0.0.1/v1', true)).toMatchObject({ url: { href: 'http://10.0.0.1/v1' } });
  });
});
