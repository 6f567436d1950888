import { describe, expect, it } from 'vitest';
import { hashedChance } from '../../src/routing/hash.ts';

/** The statistic of the chi-squared test of evenness, for so many equal parts. */
function chiSquared(texts: readonly string[], parts: number): number {
  const counts = new Array<number>(parts).fill(0);
  for (const text of texts) {
    const part = Math.floor(hashedChance(text) * parts);
    counts[part] = (counts[part] ?? 0) + 1;
  }
  const expected = texts.length / parts;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

const many = (make: (i: number) => string) => Array.from({ length: 20_000 }, (_, i) => make(i));

describe('hashedChance', () => {
  // The statistic has a mean of 63 and a deviation of 11.2; 130 is six deviations above.
  it.each<[string, (i: number) => string]>([
    ['counted sessions', (i) => `session-${i}`],
    ['numbers before a target', (i) => `${i}\nopenai/gpt-6-luna`],
    ['ids in hex', (i) => (i * 2_654_435_761).toString(16).padStart(32, '0')],
    [
      'texts that differ at their end',
      (i) => `${'a'.repeat(100)}${String.fromCharCode(32 + (i % 95), 32 + ((i / 95) % 95), 32 + i / 9025)}`,
    ],
  ])('is even over %s', (_, make) => {
    expect(chiSquared(many(make), 64)).toBeLessThan(130);
  });

  it('says nothing of one target by what it says of another', () => {
    const both = many((i) => `session-${i}`).filter(
      (session) => hashedChance(`${session}\na/1`) < 0.5 && hashedChance(`${session}\na/2`) < 0.5,
    );
    expect(both.length / 20_000).toBeCloseTo(0.25, 1);
  });

  // Found by another implementation, whose FNV-1a of "a" is the 0xe40c292c that its authors publish.
  it.each([
    ['', 0xab3e7c0b],
    ['session-1\nopenai/gpt-6-luna', 3_512_545_747],
  ])('is the same in every process: %j', (text, expected) => {
    expect(hashedChance(text) * 2 ** 32).toBe(expected + 0.5);
  });

  it('is never 0 nor 1', () => {
    const chances = many(String).map(hashedChance);
    expect(Math.min(...chances)).toBeGreaterThan(0);
    expect(Math.max(...chances)).toBeLessThan(1);
  });
});
