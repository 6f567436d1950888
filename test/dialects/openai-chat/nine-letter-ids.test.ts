import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nineLetterIds } from '../../../src/dialects/openai-chat/nine-letter-ids.ts';

it('leaves those alone that are taken, and replaces others in the order in which they come', () => {
  const wireId = nineLetterIds();
  expect(['KikbB849t', 'call_1', 'x'.repeat(500), 'call_1', ''].map(wireId)).toEqual([
    'KikbB849t',
    'call00000',
    'call00001',
    'call00000',
    'call00002',
  ]);
});

it('gives any id one of nine letters and digits, and different ones to different ids', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 50 }), (ids) => {
      const wireId = nineLetterIds();
      const wired = ids.map(wireId);
      expect(wired.every((id) => /^[A-Za-z0-9]{9}$/.test(id))).toBe(true);
      expect(new Set(wired).size).toBe(ids.length);
      expect(ids.map(wireId)).toEqual(wired);
    }),
  );
});
