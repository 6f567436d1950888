import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelPatterns } from '../../src/core/patterns.ts';

/** What a pattern means, as plainly as it can be said: slow, and obviously right. */
function reference(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] !== '*') return text[0] === pattern[0] && reference(pattern.slice(1), text.slice(1));
  return Array.from({ length: text.length + 1 }, (_, i) => i).some((i) => reference(pattern.slice(1), text.slice(i)));
}

const matches = (pattern: string, provider: string, model: string) => modelPatterns([pattern])({ provider, model });

describe('modelPatterns', () => {
  it.each([
    ['gpt-5', 'openai', 'gpt-5', true],
    ['gpt-5', 'azure', 'gpt-5', true],
    ['gpt-5', 'openai', 'gpt-5-mini', false],
    ['gpt-5', 'openai', 'chatgpt-5', false],
    ['GPT-5', 'openai', 'gpt-5', false],
    ['gpt-5*', 'openai', 'gpt-5-mini', true],
    ['*-mini', 'openai', 'gpt-5-mini', true],
    ['openai/gpt-5', 'openai', 'gpt-5', true],
    ['openai/gpt-5', 'azure', 'gpt-5', false],
    ['openai/*', 'openai', 'gpt-5', true],
    ['openai/*', 'openai2', 'gpt-5', false],
    ['openai/*', 'myopenai', 'gpt-5', false],
    ['vllm/*', 'vllm', 'meta-llama/Llama-3', true],
    ['meta-llama/Llama-3', 'vllm', 'meta-llama/Llama-3', false],
    ['openai/*', 'openrouter', 'openai/gpt-5', false],
    ['*/openai/*', 'openrouter', 'openai/gpt-5', true],
    ['vllm/meta-llama/*', 'vllm', 'meta-llama/Llama-3', true],
    ['*', 'any', 'thing/at/all', true],
    ['**', 'any', 'thing', true],
    ['a*a', 'p', 'a', false],
    ['a*a', 'p', 'aa', true],
    ['*b*b*', 'p', 'b', false],
    ['gpt.5', 'openai', 'gpt-5', false],
    ['gpt-[45]', 'openai', 'gpt-5', false],
    ['', 'openai', 'gpt-5', false],
  ])('%j at %j, %j: %j', (pattern, provider, model, expected) => {
    expect(matches(pattern, provider, model)).toBe(expected);
  });

  it('matches what its definition says, for any pattern', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
    fc.assert(
      fc.property(few, text, text, (pattern, provider, model) => {
        const expected = reference(pattern, pattern.includes('/') ? `${provider}/${model}` : model);
        expect(matches(pattern, provider, model)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('matches if any of several patterns does, and nothing if there are none', () => {
    const allowed = modelPatterns(['gpt-5', 'mock/*']);
    expect(allowed({ provider: 'openai', model: 'gpt-5' })).toBe(true);
    expect(allowed({ provider: 'mock', model: 'x' })).toBe(true);
    expect(allowed({ provider: 'openai', model: 'o3' })).toBe(false);
    expect(modelPatterns([])({ provider: 'mock', model: 'echo' })).toBe(false);
  });

  it('ends on a pattern that would keep a backtracking matcher busy for ever', () => {
    const pattern = `${'*a'.repeat(120)}*b`;
    expect(matches(pattern, 'p', 'a'.repeat(256))).toBe(false);
  });
});
