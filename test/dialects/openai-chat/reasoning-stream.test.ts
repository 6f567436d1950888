import { describe, expect, it } from 'vitest';
import { type Heard, hear, parts, short, streamOf } from './hear.ts';

const keep = { replayReasoningDetails: true };
const stop = { choices: [{ delta: {}, finish_reason: 'stop' }] };

/** A stream of these deltas, from a place that wants all details back. */
const kept = (...deltas: unknown[]): Heard =>
  streamOf(keep, ...deltas.map((delta) => ({ choices: [{ delta }] })), stop);

const details = (...reasoning_details: unknown[]) => ({ content: '', reasoning_details });

/** The `reasoning_details` that each part with state keeps. */
const states = ({ deltas }: Heard): unknown[] =>
  deltas.flatMap(({ case: kind, value }) =>
    kind === 'reasoningDelta' && value.providerState
      ? [JSON.parse(Buffer.from(value.providerState.data).toString()).reasoning_details]
      : [],
  );

const text = (words: string, more: object = {}) => ({ type: 'reasoning.text', text: words, index: 0, ...more });
const summary = (words: string, more: object = {}) => ({
  type: 'reasoning.summary',
  summary: words,
  index: 0,
  ...more,
});
const encrypted = (data: string, more: object = {}) => ({ type: 'reasoning.encrypted', data, index: 0, ...more });

describe('details', () => {
  it.each<[string, unknown[], string[], unknown[]]>([
    [
      'without a signature are kept, in one part',
      [details(text('a')), details(text('b', { format: 'unknown' })), { content: 'c' }],
      ['(a)', '(b)', '()', 'c'],
      [[{ type: 'reasoning.text', index: 0, format: 'unknown' }]],
    ],
    [
      'have the signature that comes last',
      [details(text('a', { signature: null })), details({ type: 'reasoning.text', signature: 's', index: 0 })],
      ['(a)', '()'],
      [[{ type: 'reasoning.text', signature: 's', index: 0 }]],
    ],
    [
      'of a summary go with what is encrypted',
      [details(summary('a')), details(summary('b')), details(encrypted('x', { id: 'rs_1' })), { content: 'c' }],
      ['(a)', '(b)', '()', 'c'],
      [
        [
          { type: 'reasoning.summary', index: 0 },
          { type: 'reasoning.encrypted', data: 'x', index: 0, id: 'rs_1' },
        ],
      ],
    ],
    [
      'of two texts are two parts',
      [details(text('a', { signature: 's' }), text('b', { index: 1, signature: 't' }))],
      ['(a)', '()', '(b)', '()'],
      [[{ type: 'reasoning.text', signature: 's', index: 0 }], [{ type: 'reasoning.text', signature: 't', index: 1 }]],
    ],
    [
      'of two texts without index are two parts once the first is signed',
      [details({ text: 'a' }), details({ text: 'b', signature: 's' }), details({ text: 'c' })],
      ['(a)', '(b)', '()', '(c)', '()'],
      [[{ signature: 's' }], [{}]],
    ],
    [
      'that are encrypted are never put together',
      [details(encrypted('x')), details(encrypted('y'))],
      ['()'],
      [[encrypted('x'), encrypted('y')]],
    ],
    [
      'after a tool call are a part of their own',
      [{ tool_calls: [{ index: 0, id: 'i', function: { name: 'f' } }] }, details(encrypted('x'))],
      ['0:i:f:', '()'],
      [[encrypted('x')]],
    ],
    ['that say nothing leave no trace', [details(text('')), details(null, 7), details()], [], []],
  ])('%s', (_, deltas, expected, state) => {
    const heard = kept(...deltas);
    expect(short(heard)).toEqual(expected);
    expect(states(heard)).toEqual(state);
  });

  it('close before a call, a refusal and text, but not before empty text', () => {
    const said = { tool_calls: [{ index: 0, id: 'i', function: { name: 'f' } }] };
    for (const next of [said, { refusal: 'No.' }, { content: 'c' }, { content: [{ type: 'text', text: 'c' }] }])
      expect(short(kept(details(text('a')), next))[1]).toBe('()');
    expect(short(kept(details(text('a')), { content: '', refusal: '', tool_calls: [] }, details(text('b'))))).toEqual([
      '(a)',
      '(b)',
      '()',
    ]);
  });

  it('are whole characters', () => {
    const heard = kept(details(text('\ud83d')), details(text('\ude00')), details(text('\ud800')), { content: 'c' });
    expect(short(heard)).toEqual(['(😀)', '(\ufffd)', '()', 'c']);
    expect(parts(heard)).toHaveLength(2);
  });

  it('that nobody wants back are kept only if they are sealed', () => {
    const chunks = [{ choices: [{ delta: details(text('a')) }] }, stop];
    expect(states(streamOf({ replayReasoningDetails: false }, ...chunks))).toEqual([]);
    expect(states(streamOf(keep, ...chunks))).toHaveLength(1);
  });

  it('give one state however the entry is cut', () => {
    const whole = kept(details({ index: 0, signature: 's', text: 'ab', type: 'reasoning.text' }));
    const cut = kept(
      details(text('a')),
      details(text('b')),
      details({ type: 'reasoning.text', index: 0, signature: 's' }),
    );
    const bytes = (heard: Heard) => JSON.stringify(states(heard));
    expect(bytes(cut)).toBe(bytes(whole));
  });
});

it('hears nothing of a stream that does not reason', () => {
  expect(hear((decoder) => decoder.chunk({ choices: [{ message: { content: 'a' } }] }), keep).deltas).toHaveLength(1);
});
