import { isDeepStrictEqual } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompleteRequest, CompleteRequestSchema, type Part } from '#gen/antiphon/v1/completion_pb.js';
import { type Asked, cacheKeys, keyFields } from '../../src/cache/cache-key.ts';
import { tenantOf } from '../../src/cache/tenant.ts';
import { anyRequest, anyText, type PartInit, requestOf, text, toolResult, user } from '../support/requests.ts';

type Field = keyof typeof keyFields;

const keyOf = cacheKeys(undefined);

const asked = (request: CompleteRequest, more: Partial<Asked> = {}): Asked => ({
  tenant: 'team:search',
  target: { provider: 'p', model: 'm' },
  place: 'openai https://api.example.com/v1',
  escalation: undefined,
  request,
  ...more,
});

/** A request with nothing but this field. */
const only = (field: Field, request: CompleteRequest): CompleteRequest =>
  Object.assign(create(CompleteRequestSchema), request[field] === undefined ? {} : { [field]: request[field] });

const isSame = (field: Field, one: CompleteRequest, other: CompleteRequest): boolean =>
  field === 'providerOptions'
    ? isDeepStrictEqual(JSON.parse(JSON.stringify(one[field])), JSON.parse(JSON.stringify(other[field])))
    : Buffer.compare(
        toBinary(CompleteRequestSchema, only(field, one)),
        toBinary(CompleteRequestSchema, only(field, other)),
      ) === 0;

function withoutHints(parts: Part[]): void {
  for (const part of parts) {
    delete part.promptCache;
    if (part.part.case === 'toolResult') withoutHints(part.part.value.content);
  }
}

const anyUnhinted = anyRequest.map((request) => {
  for (const { content } of request.messages) withoutHints(content);
  return request;
});

describe('the key of a call', () => {
  it('has a word for every field of a request', () => {
    const fields = CompleteRequestSchema.fields.map(({ localName }) => localName);
    expect(Object.keys(keyFields).toSorted()).toEqual(fields.toSorted());
  });

  it.each(Object.keys(keyFields) as Field[])('changes with %s if, and only if, that can change the answer', (field) => {
    let changes = 0;
    const property = fc.property(anyUnhinted, anyUnhinted, (one, other) => {
      const changed = Object.assign(create(CompleteRequestSchema), one);
      if (other[field] === undefined) delete changed[field];
      else Object.assign(changed, { [field]: other[field] });
      const isOther = keyFields[field] !== 'no' && !isSame(field, one, changed);
      if (isOther) changes++;
      expect(keyOf(asked(one)) !== keyOf(asked(changed))).toBe(isOther);
    });
    fc.assert(property, { numRuns: 60 });
    if (keyFields[field] !== 'no') expect(changes).toBeGreaterThan(0);
  });

  it('is of printable ASCII, and leaves the request as it was', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const before = structuredClone(request);
        expect(keyOf(asked(request))).toMatch(/^[A-Za-z0-9_-]{43}$/);
        expect(structuredClone(request)).toEqual(before);
      }),
    );
  });

  it('is never that of another tenant, whatever they are called', () => {
    const caller = fc.record({ name: anyText, team: anyText });
    fc.assert(
      fc.property(caller, caller, (one, other) => {
        const isOne = one.team === other.team && (one.team !== '' || one.name === other.name);
        const [first, second] = [one, other].map((each) => keyOf(asked(requestOf(), { tenant: tenantOf(each) })));
        // Halves of characters are the same one in UTF-8; no name of a configuration has them.
        if ([one, other].every(({ name, team }) => name.isWellFormed() && team.isWellFormed()))
          expect(first === second).toBe(isOne);
      }),
    );
  });

  it.each<[string, Partial<Asked>]>([
    ['the model', { target: { provider: 'p', model: 'n' } }],
    ['the provider', { target: { provider: 'q', model: 'm' } }],
    ['where the provider is', { place: 'openai https://elsewhere.example.com/v1' }],
    ['what judges the answer', { escalation: { on: ['empty'], to: [{ provider: 'p', model: 'n' }] } }],
    ['what is done if the request does not fit', { context: ['trim_oldest'] }],
    ['the tenant', { tenant: 'key:search' }],
    ['where one ends and the next begins', { target: { provider: 'pm', model: '' } }],
  ])('changes with %s', (_, more) => {
    expect(keyOf(asked(requestOf(), more))).not.toBe(keyOf(asked(requestOf())));
  });

  it('does not depend on the order of what has none', () => {
    const one = requestOf({ providerOptions: { p: { a: 1, b: [{ c: 2, d: 3 }] }, q: {} } });
    const other = requestOf({ providerOptions: { q: {}, p: { b: [{ d: 3, c: 2 }], a: 1 } } });
    const third = requestOf({ providerOptions: { p: { a: 1, b: [{ c: 2 }, { d: 3 }] }, q: {} } });
    expect(keyOf(asked(one))).toBe(keyOf(asked(other)));
    expect(keyOf(asked(one))).not.toBe(keyOf(asked(third)));
  });

  it('does not depend on hints to the cache of a provider', () => {
    const hinted = (value: string): PartInit => ({
      part: { case: 'text', value },
      promptCache: { ttl: { seconds: 60n } },
    });
    const [one, other] = [hinted, text].map((of) => requestOf({ messages: [user(of('a'), toolResult('c', of('b')))] }));
    expect(one && keyOf(asked(one))).toBe(other && keyOf(asked(other)));
  });

  it('with a secret, is another one for each secret', () => {
    const keys = [undefined, 'secret-number-one', 'secret-number-two'].map((each) =>
      cacheKeys(each)(asked(requestOf())),
    );
    expect(new Set(keys).size).toBe(3);
  });
});
