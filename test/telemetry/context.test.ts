import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallContextSchema } from '#gen/antiphon/v1/completion_pb.js';
import { resolveContext } from '../../src/telemetry/context.ts';

const NEW = 'f'.repeat(32);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const HEX = '0AF7651916CD43DD8448EB211C80319C';
const W3C = { traceparent: `00-${TRACE}-${SPAN}-01`, baggage: 'source_agent=w3c-agent,session_id=w3c-session' };

type Fields = { traceId?: string; sourceAgent?: string; sessionId?: string };

function resolve(fields: Fields | undefined, headers: Readonly<Record<string, string>>) {
  const given = fields && create(CallContextSchema, fields);
  const { context, parent } = resolveContext(
    given,
    (name) => headers[name],
    () => NEW,
  );
  const { traceId, sourceAgent, sessionId } = context;
  return { ids: [traceId, sourceAgent, sessionId], parent };
}

describe('where ids come from', () => {
  const headers = { 'x-trace-id': 'h-trace', 'x-source-agent': 'h-agent', 'x-session-id': 'h-session' };
  const fields = { traceId: 'f-trace', sourceAgent: 'f-agent', sessionId: 'f-session' };

  const table: [string, Fields | undefined, Record<string, string>, string[]][] = [
    ['nothing given', undefined, {}, [NEW, '', '']],
    ['empty fields', {}, {}, [NEW, '', '']],
    ['fields', fields, {}, ['f-trace', 'f-agent', 'f-session']],
    ['headers', undefined, headers, ['h-trace', 'h-agent', 'h-session']],
    ['W3C', undefined, W3C, [TRACE, 'w3c-agent', 'w3c-session']],
    ['fields win over all', fields, { ...headers, ...W3C }, ['f-trace', 'f-agent', 'f-session']],
    ['headers win over W3C', {}, { ...headers, ...W3C }, ['h-trace', 'h-agent', 'h-session']],
    ['each for itself', { sourceAgent: 'f' }, { 'x-session-id': 'h', ...W3C }, [TRACE, 'f', 'h']],
    ['white space around a header', undefined, { 'x-source-agent': '  planner ' }, [NEW, 'planner', '']],
    ['a blank header', undefined, { 'x-source-agent': '   ' }, [NEW, '', '']],
    ['a malformed traceparent', undefined, { traceparent: 'nonsense' }, [NEW, '', '']],
    ['32 digits become the trace, in lower case', { traceId: HEX }, {}, [HEX.toLowerCase(), '', '']],
    ['beside a traceparent they stay as they are', { traceId: HEX }, W3C, [HEX, 'w3c-agent', 'w3c-session']],
    ['zeros are no trace, but an id', { traceId: '0'.repeat(32) }, {}, ['0'.repeat(32), '', '']],
  ];
  it.each(table)('%s', (_, given, sent, ids) => {
    expect(resolve(given, sent).ids).toEqual(ids);
  });
});

describe('what is not an id is left out', () => {
  const bad = ['a'.repeat(129), 'tab\there', 'line\nbreak', '\x1b[31mred', 'DEL\x7f', 'Plänner', '\u2028', ''];
  it.each(bad)('%j', (text) => {
    expect(resolve({ traceId: text, sourceAgent: text, sessionId: text }, {}).ids).toEqual([NEW, '', '']);
    const headers = { 'x-trace-id': text, 'x-source-agent': text, 'x-session-id': text };
    expect(resolve(undefined, headers).ids).toEqual([NEW, '', '']);
    const encoded = encodeURIComponent(text);
    expect(resolve(undefined, { baggage: `source_agent=${encoded},session_id=${encoded}` }).ids).toEqual([NEW, '', '']);
  });
  it('and the next source is asked', () => {
    expect(resolve({ sourceAgent: 'é' }, { 'x-source-agent': 'h' }).ids).toEqual([NEW, 'h', '']);
  });
});

it('the parent is that of traceparent, with its tracestate', () => {
  const parent = { traceId: TRACE, spanId: SPAN, sampled: true, tracestate: 'a=1' };
  expect(resolve({ traceId: 'mine' }, { ...W3C, tracestate: 'a=1' }).parent).toEqual(parent);
  expect(resolve({ traceId: HEX }, {}).parent).toBeUndefined();
});

const anyText = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(W3C.traceparent, W3C.baggage, 'source_agent=%', `source_agent=${'%20'.repeat(4000)}`),
);
const ID = /^[\x20-\x7e]{1,128}$/;

it('never throws, and gives only ids that may stand in a header', () => {
  const headers = fc.record(
    Object.fromEntries(
      ['traceparent', 'tracestate', 'baggage', 'x-trace-id', 'x-source-agent', 'x-session-id'].map((name) => [
        name,
        anyText,
      ]),
    ),
    { requiredKeys: [] },
  );
  const fields = fc.record({ traceId: anyText, sourceAgent: anyText, sessionId: anyText }, { requiredKeys: [] });
  fc.assert(
    fc.property(fields, headers, (given, sent) => {
      const { ids } = resolve(given, sent as Record<string, string>);
      expect(ids[0]).toMatch(ID);
      for (const id of ids) if (id !== '') expect(id).toMatch(ID);
    }),
    { numRuns: 500 },
  );
});

it('gives back every valid id, whichever way it came', () => {
  const id = fc
    .stringMatching(/^[\x21-\x7e][\x20-\x7e]{0,126}[\x21-\x7e]$/)
    .filter((text) => !/^[0-9a-f]{32}$/i.test(text));
  fc.assert(
    fc.property(id, id, id, (traceId, sourceAgent, sessionId) => {
      const ids = [traceId, sourceAgent, sessionId];
      expect(resolve({ traceId, sourceAgent, sessionId }, {}).ids).toEqual(ids);
      const headers = { 'x-trace-id': traceId, 'x-source-agent': sourceAgent, 'x-session-id': sessionId };
      expect(resolve(undefined, headers).ids).toEqual(ids);
      const baggage = `source_agent=${encodeURIComponent(sourceAgent)},session_id=${encodeURIComponent(sessionId)}`;
      expect(resolve({ traceId }, { baggage }).ids).toEqual(ids);
    }),
  );
});
