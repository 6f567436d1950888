import { describe, expect, it } from 'vitest';
import { greeting } from '../../src/greeting.ts';
import { type Env, KEY, load, problemsOf, said } from './loading.ts';

const fallback = (text: string, env: Env = {}) => load(env, `fallback: ${text}`).fallback;
const SWITCHED_OFF = 'The language models are switched off. Try again later.';

describe('answers that need no model', () => {
  it.each<[string, [string, string][], string | undefined]>([
    ['{}', [], undefined],
    ['{ answers: { default: Sorry. } }', [['default', 'Sorry.']], undefined],
    ['{ answers: { other: Sorry. } }', [['other', 'Sorry.']], undefined],
    ['{ answers: { other: Sorry. }, always: other }', [['other', 'Sorry.']], 'other'],
    [
      '{ answers: { other: A, default: B }, always: other }',
      [
        ['other', 'A'],
        ['default', 'B'],
      ],
      'other',
    ],
  ])('%s', (text, answers, always) => {
    expect(fallback(text)).toEqual({ answers: new Map(answers), always });
  });

  it.each(['request_type', 'source_agent', 'trace_id', 'request_id', 'reason'])('may hold {{%s}}', (name) => {
    const text = `a {{${name}}}{{${name}}} }} { b`;
    expect(fallback(JSON.stringify({ answers: { a: text } })).answers.get('a')).toBe(text);
  });

  it.each([
    ['{ answers: { a: "{{prompt}}" } }', 'fallback.answers.a has a placeholder that is not known'],
    ['{ answers: { a: "{{ reason }}" } }', 'fallback.answers.a has a placeholder that is not known'],
    ['{ answers: { a: "{{reason" } }', 'fallback.answers.a has a placeholder that is not known'],
    ['{ answers: { a: "{{{{reason}}" } }', 'fallback.answers.a has a placeholder that is not known'],
    ['{ answers: { a: "" } }', 'fallback.answers.a is empty'],
    ['{ answers: { "a b": x } }', 'fallback.answers."a b" is not a possible name of an answer'],
    [`{ answers: { a: ${'x'.repeat(16_385)} } }`, 'fallback.answers.a is too long'],
    ['{ always: a }', 'fallback.always names an answer that is not there'],
    ['{ answers: { sorry: x }, always: sory }', 'fallback.always names an answer that is not there'],
  ])('%s: %s', (text, expected) => {
    expect(said({}, `fallback: ${text}`)).toEqual([expected]);
  });

  it('says which placeholders there are, and which answer was meant', () => {
    expect(problemsOf({}, 'fallback: { answers: { a: "{{x}}" } }')[0]?.fix).toBe(
      'Known are: {{request_type}}, {{source_agent}}, {{trace_id}}, {{request_id}}, {{reason}}.',
    );
    expect(problemsOf({}, 'fallback: { answers: { sorry: x }, always: sory }')[0]?.fix).toBe('Did you mean "sorry"?');
  });

  it('has a name that no provider can have', () => {
    const fix = 'Choose another: "fallback/<name>" are the answers that need no model.';
    expect(problemsOf({}, 'providers: { fallback: { base_url: "https://x.example" } }')).toEqual([
      { path: 'providers.fallback', problem: 'is a name that is taken', fix },
    ]);
    const env = { LLM_PROVIDER: 'fallback', LLM_BASE_URL: 'https://x.example' };
    expect(said(env)).toEqual(['providers.fallback is a name that is taken']);
  });
});

describe('models that are switched off', () => {
  const off = { LLM_ENABLED: 'false' };

  it.each<[string, Env, string, string]>([
    ['an answer of its own', {}, '{}', SWITCHED_OFF],
    ['the answer of a variable', { LLM_FALLBACK_TEXT: 'Closed.' }, '{}', 'Closed.'],
    ['the default answer', {}, '{ answers: { default: Closed. } }', 'Closed.'],
    ['the answer for always', {}, '{ answers: { default: A, b: Closed. }, always: b }', 'Closed.'],
    ['an answer of its own beside others', {}, '{ answers: { b: B } }', SWITCHED_OFF],
  ])('have %s', (_, env, text, expected) => {
    const { enabled, fallback: config, notices } = load({ ...off, ...env }, `fallback: ${text}`);
    expect(enabled).toBe(false);
    expect(config.answers.get(config.always ?? '')).toBe(expected);
    expect(notices).toEqual([
      'The language models are switched off (enabled is false): every call gets the fallback answer.',
    ]);
  });

  it('need no key, whatever the file says of models', () => {
    const file = `
enabled: false
mock: { use: false }
models: { default: openai/gpt-5, default_provider: openai, provider_order: [nobody] }
routing:
  rules: [{ name: a, targets: [openai/gpt-6-luna] }]
`;
    const config = load({}, file);
    expect(config).toMatchObject({ providers: [], defaultModel: undefined, routing: { rules: [] } });
    expect(greeting(config, { grpc: 'a', http: 'b', metrics: 'c' })).toContain('providers none; default model none');
  });

  it('go nowhere if something is wrong with where they would go', () => {
    const file = 'routing: { rules: [{ name: a, targets: [gpt-6-luna, nothing] }] }';
    expect(load({ ...off, ...KEY }, file)).toMatchObject({ allowedModels: [], routing: { rules: [] } });
  });

  it('keep what can be kept', () => {
    const file = 'routing: { rules: [{ name: a, targets: [gpt-6-luna] }] }';
    expect(load({ ...off, ...KEY }, file)).toMatchObject({
      providers: [{ name: 'openai' }],
      routing: { rules: [{ policy: { rule: 'a' } }] },
    });
  });

  it('do not hide what is wrong for itself', () => {
    expect(said({ ...off, LLM_MAX_RETRIES: '99' }, 'routing: { rules: [{}] }').toSorted()).toEqual([
      'LLM_MAX_RETRIES is too large',
      'routing.rules[0].name is missing',
    ]);
  });
});
