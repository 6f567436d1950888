import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baggageValue, formatTraceparent, isTraceId, remoteParent } from '../../src/telemetry/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const ZEROS = '0'.repeat(32);

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[^0]/.test(text));

describe('traceparent', () => {
  const accepted: [string, string, boolean][] = [
    ['sampled', `00-${TRACE}-${SPAN}-01`, true],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, false],
    ['flags that are not known yet', `00-${TRACE}-${SPAN}-fe`, false],
    ['flags that are not known yet, and sampled', `00-${TRACE}-${SPAN}-ff`, true],
    ['a higher version', `01-${TRACE}-${SPAN}-01`, true],
    ['a higher version with more behind', `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, true],
    ['white space around it', ` 00-${TRACE}-${SPAN}-01\t`, true],
  ];
  it.each(accepted)('%s', (_, header, sampled) => {
    expect(remoteParent(header, undefined)).toEqual({ traceId: TRACE, spanId: SPAN, sampled, tracestate: undefined });
  });

  const refused: [string, string | undefined][] = [
    ['not there', undefined],
    ['empty', ''],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['version 00 with more behind', `00-${TRACE}-${SPAN}-01-more`],
    ['a higher version with more behind, but no dash', `cc-${TRACE}-${SPAN}-01.what`],
    ['a trace id of zeros', `00-${ZEROS}-${SPAN}-01`],
    ['a span id of zeros', `00-${TRACE}-0000000000000000-01`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long trace id', `00-${TRACE}0-${SPAN}-01`],
    ['a short span id', `00-${TRACE}-${SPAN.slice(1)}-01`],
    ['one digit of flags', `00-${TRACE}-${SPAN}-1`],
    ['one digit of version', `0-${TRACE}-${SPAN}-01`],
    ['no hexadecimal digits', `00-${'g'.repeat(32)}-${SPAN}-01`],
    ['no flags', `00-${TRACE}-${SPAN}`],
    ['two of them', `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`],
    ['a line break inside', `cc-${TRACE}-${SPAN}-01-a\nb`],
  ];
  it.each(refused)('%s: ignored', (_, header) => {
    expect(remoteParent(header, 'vendor=1')).toBeUndefined();
  });

  it('round trips', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        expect(remoteParent(formatTraceparent(traceId, spanId, sampled), undefined)).toEqual({
          traceId,
          spanId,
          sampled,
          tracestate: undefined,
        });
      }),
    );
  });
});

describe('tracestate', () => {
  const read = (tracestate: string | undefined) => remoteParent(`00-${TRACE}-${SPAN}-01`, tracestate)?.tracestate;
  const member = (key: string, length: number) => `${key}=${'v'.repeat(length - key.length - 1)}`;
  const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=1`).join(',');

  const table: [string, string | undefined, string | undefined][] = [
    ['one member', 'congo=t61rcWkgMzE', 'congo=t61rcWkgMzE'],
    ['white space and empty members', ' a=1 ,, b=2\t', 'a=1,b=2'],
    ['a tenant', 'tenant@vendor=1', 'tenant@vendor=1'],
    ['32 members', many(32), many(32)],
    ['33 members', many(33), undefined],
    ['a key twice', 'a=1,b=2,a=3', undefined],
    ['no value', 'a', undefined],
    ['an equals sign in a value', 'a=1=2', undefined],
    ['upper case in a key', 'A=1', undefined],
    ['not ASCII', 'a=é', undefined],
    ['a value of 257 characters', member('a', 259), undefined],
    ['only commas', ',,', undefined],
    ['longer than is read', `${'a'.repeat(8200)}`, undefined],
    ['512 characters', `${member('a', 255)},${member('b', 256)}`, `${member('a', 255)},${member('b', 256)}`],
    [
      'too long: long members go first',
      `${member('a', 257)},${member('b', 200)},c=3,${member('d', 100)}`,
      `c=3,${member('d', 100)}`,
    ],
    [
      'still too long: then from the right',
      ['a', 'b', 'c', 'd', 'e'].map((key) => member(key, 120)).join(','),
      ['a', 'b', 'c', 'd'].map((key) => member(key, 120)).join(','),
    ],
  ];
  it.each(table)('%s', (_, header, expected) => {
    expect(read(header)).toBe(expected);
  });

  it('never spoils the parent, never throws, and stays in bounds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 600 }), fc.string({ unit: 'binary', maxLength: 600 })), (text) => {
        const parent = remoteParent(`00-${TRACE}-${SPAN}-01`, text);
        expect(parent?.traceId).toBe(TRACE);
        expect(parent?.tracestate?.length ?? 0).toBeLessThanOrEqual(512);
      }),
    );
  });
});

describe('baggage', () => {
  const find = (baggage: string | undefined) => baggageValue(baggage, 'source_agent', 128);
  const others = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=1`).join(',');

  const table: [string, string | undefined, string | undefined][] = [
    ['not there', undefined, undefined],
    ['alone', 'source_agent=planner', 'planner'],
    ['among others, with white space', 'a=1 , source_agent = planner ,b=2', 'planner'],
    ['with properties', 'source_agent=planner;ttl=5;x', 'planner'],
    ['percent-encoded', 'source_agent=the%20planner%2C%20v2', 'the planner, v2'],
    ['badly percent-encoded', 'source_agent=100%', undefined],
    ['not UTF-8', 'source_agent=%ff%fe', undefined],
    ['the first of two', 'source_agent=a,source_agent=b', 'a'],
    ['another case', 'Source_Agent=planner', undefined],
    ['a longer key', 'my_source_agent=planner', undefined],
    ['no value', 'source_agent', undefined],
    ['an equals sign in the value', 'source_agent=a=b', 'a=b'],
    ['128 characters', `source_agent=${'%41'.repeat(128)}`, 'A'.repeat(128)],
    ['129 characters', `source_agent=${'A'.repeat(129)}`, undefined],
    ['far too many encoded characters', `source_agent=${'%41'.repeat(129)}`, undefined],
    ['the 64th member', `${others(63)},source_agent=a`, 'a'],
    ['the 65th member', `${others(64)},source_agent=a`, undefined],
    ['within the first 8,192 bytes', `source_agent=a,k=${'x'.repeat(9000)}`, 'a'],
    ['behind the first 8,192 bytes', `k=${'x'.repeat(8190)},source_agent=a`, undefined],
    ['cut by the bound', `k=${'x'.repeat(8190 - 17)},source_agent=abcdef`, undefined],
    ['one member longer than the bound', `source_agent=${'x'.repeat(9000)}`, undefined],
  ];
  it.each(table)('%s', (_, header, expected) => {
    expect(find(header)).toBe(expected);
  });

  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }), (value) => {
        expect(find(`a=1,source_agent=${encodeURIComponent(value)};p=1`)).toBe(value);
      }),
    );
  });
});

it('a trace id is 32 hexadecimal digits, not all zero', () => {
  expect([TRACE, TRACE.toUpperCase()].map(isTraceId)).toEqual([true, true]);
  expect([ZEROS, TRACE.slice(1), `${TRACE}0`, `${TRACE}\n`, 'req-42', ''].map(isTraceId)).not.toContain(true);
});
