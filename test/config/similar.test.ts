import { describe, expect, it } from 'vitest';
import { similar, suggestion } from '../../src/config/similar.ts';

const known = ['base_url', 'api_key', 'headers', 'models', 'kind', 'host'];

describe('similar', () => {
  it.each([
    ['baseUrl', 'base_url'],
    ['base-url', 'base_url'],
    ['BASE_URL', 'base_url'],
    ['bse_url', 'base_url'],
    ['apikey', 'api_key'],
    ['header', 'headers'],
    ['model', 'models'],
    ['kimd', 'kind'],
    ['base', 'base_url'],
    ['ba', undefined],
    ['port', undefined],
    ['url', undefined],
    ['', undefined],
    ['something_else', undefined],
    ['a'.repeat(100_000), undefined],
  ])('%.20s: %s', (name, expected) => {
    expect(similar(name, known)).toBe(expected);
  });

  it('takes the nearest', () => {
    expect(similar('mode', ['models', 'model', 'node'])).toBe('model');
  });

  it('makes a question, or says something else', () => {
    expect(suggestion('hots', known, 'No.')).toBe('No.');
    expect(suggestion('hoost', known, 'No.')).toBe('Did you mean "host"?');
  });
});
