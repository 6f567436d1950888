// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { defaultThrift } from '../../src/thrift/settings.ts';

const SECRET = 'a-secret-of-the-keys-0001';

const load = (file: string, env: Record<string, string> = {}) =>
  loadConfig({ ...env, ANTIPHON_CONFIG: 'test.yaml' }, () => Buffer.from(file));

const ruleOf = (said: string) => load(`routing: { rules: [{ name: all, ${said} }] }`).routing.rules[0]?.policy;

describe('thrift', () => {
  it('has the bounds that the code has too', () => {
    expect(load('').thrift).toEqual(defaultThrift);
  });

  it('has all that is set', () => {
    const file = 'thrift: { margin_percent: 0, answer_tokens: 2, max_prefixes: 3, secret: "${MINE}" }';
    const { thrift, secrets } = load(file, { MINE: SECRET });
    expect(thrift).toEqual({ marginPercent: 0, answerTokens: 2, maxPrefixes: 3, secret: SECRET });
    expect(secrets).toContain(SECRET);
  });

  it.each([
    [`thrift: { secret: ${SECRET} }`, 'thrift.secret'],
    ['thrift: { margin_percent: 301 }', 'thrift.margin_percent'],
    ['thrift: { answer_tokens: 0 }', 'thrift.answer_tokens'],
    ['thrift: { max_prefixes: 0 }', 'thrift.max_prefixes'],
    ['routing: { rules: [{ name: a, context: shrink }] }', 'routing.rules[0].context'],
    ['routing: { rules: [{ name: a, context: [] }] }', 'routing.rules[0].context'],
    ['routing: { rules: [{ name: a, context: [reject, trim_oldest] }] }', 'routing.rules[0].context'],
    ['routing: { rules: [{ name: a, prompt_cache: always }] }', 'routing.rules[0].prompt_cache'],
  ])('refuses %s', (file, place) => {
    expect(() => load(file)).toThrow(place);
  });
});

describe('a rule', () => {
  it.each([
    ['priority: low', []],
    ['context: reject', ['reject']],
    ['context: trim_oldest', ['trim_oldest']],
    ['context: [clamp_max_tokens]', ['clamp_max_tokens']],
    ['context: [clamp_max_tokens, trim_oldest]', ['clamp_max_tokens', 'trim_oldest']],
    ['context: [trim_oldest, trim_oldest]', ['trim_oldest']],
  ])('with %s does %j', (said, context) => {
    expect(ruleOf(said)).toMatchObject({ context, promptCache: undefined });
  });

  it('has prompts cached if it says so', () => {
    expect(ruleOf('prompt_cache: auto')?.promptCache).toBe('auto');
  });
});
