import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recent } from '../../src/stores/memory/recent.ts';
import { REMEMBERED_MS } from '../../src/stores/store.ts';

const step = fc.record({
  id: fc.integer({ min: 0, max: 12 }).map(String),
  state: fc.constantFrom('expired' as const, 'done' as const),
  laterMs: fc.constantFrom(0, 1, REMEMBERED_MS / 4, REMEMBERED_MS),
  thenMs: fc.constantFrom(0, 0, 1, REMEMBERED_MS / 4, REMEMBERED_MS),
});

describe('what became of ids', () => {
  it('is what was set last, for an hour, of as many as there is room for', () => {
    const property = fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, most) => {
      let now = 0;
      const recent = new Recent<'expired' | 'done'>(() => now, most);
      const set: { id: string; state: string; atMs: number }[] = [];
      for (const { id, state, laterMs, thenMs } of steps) {
        now += laterMs;
        recent.set(id, state);
        set.push({ id, state, atMs: now });
        now += thenMs;
        const remembered = set.slice(-most).filter(({ atMs }) => now - atMs < REMEMBERED_MS);
        for (let i = 0; i <= 12; i++) {
          const last = remembered.findLast((each) => each.id === String(i));
          expect(recent.get(String(i))).toBe(last?.state);
        }
      }
    });
    fc.assert(property);
  });

  it('is forgotten of thousands, one after the other', () => {
    const recent = new Recent<'done'>(() => 0, 100);
    for (let i = 0; i < 5_000; i++) recent.set(String(i), 'done');
    const known = Array.from({ length: 5_000 }, (_, i) => recent.get(String(i)) === 'done');
    expect(known.indexOf(true)).toBe(4_900);
    expect(known.slice(4_900)).toEqual(Array(100).fill(true));
  });
});
