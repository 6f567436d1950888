import { create, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProviderStateSchema } from '#gen/antiphon/v1/completion_pb.js';
import { isFrom, stateFor, stateOf } from '../../../src/dialects/grammar/provider-state.ts';

const target = { provider: 'p', model: 'm' };
const tampered = (data: Uint8Array | string) =>
  create(ProviderStateSchema, { ...target, data: typeof data === 'string' ? Buffer.from(data) : data });

describe('a state', () => {
  it('comes back as it was kept', () => {
    const kept: JsonObject = { a: ['b', null, 1.5, { c: 'é😀' }] };
    expect(stateFor(stateOf(target, kept), target)).toEqual(kept);
  });

  it.each([
    { provider: 'p', model: 'M' },
    { provider: 'P', model: 'm' },
    { provider: 'm', model: 'p' },
    { provider: '', model: '' },
  ])('is not for any other: %j', (other) => {
    expect(isFrom(stateOf(target, {}), other)).toBe(false);
    expect(stateFor(stateOf(target, {}), other)).toBeUndefined();
  });

  it('may be missing', () => expect(stateFor(undefined, target)).toBeUndefined());
});

describe('a tampered state', () => {
  it.each(['', 'x', '[]', 'null', '"a"', '{', '{}x', '['.repeat(9_999), `${'{"a":'.repeat(999)}1${'}'.repeat(999)}`])(
    'is none: %.20s',
    (text) => expect(stateFor(tampered(text), target)).toBeUndefined(),
  );

  it('sets no prototype and has no lone surrogates', () => {
    const read = stateFor(tampered('{"__proto__":{"a":1},"b":"\\ud800"}'), target);
    expect(JSON.stringify(read)).toBe('{"b":"\ufffd"}');
    expect(Reflect.get(read ?? {}, 'a')).toBeUndefined();
  });

  it('never throws, whatever the bytes', () => {
    const property = fc.property(fc.uint8Array(), (bytes) => {
      const read = stateFor(tampered(bytes), target);
      expect(read === undefined || typeof read === 'object').toBe(true);
    });
    fc.assert(property);
  });
});
