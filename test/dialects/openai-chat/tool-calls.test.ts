import { describe, expect, it } from 'vitest';
import { body, failure, said, short } from './hear.ts';

describe('tool calls', () => {
  const f = (name: string | undefined, args?: unknown) => ({ name, arguments: args });

  it.each<[string, unknown[], string[]]>([
    [
      'in alternation',
      [
        [{ index: 0, id: 'a', function: f('x', '') }],
        [
          { index: 1, id: 'b', function: f('y', '1') },
          { index: 0, function: f(undefined, '2') },
        ],
        [{ index: 1, function: f(undefined, '3') }],
      ],
      ['0:a:x:', '1:b:y:1', '0:::2', '1:::3'],
    ],
    [
      'indexes from anywhere',
      [[{ index: 7, id: 'a', function: f('x') }], [{ index: 3, id: 'b', function: f('y') }]],
      ['0:a:x:', '1:b:y:'],
    ],
    [
      'without an index, by id',
      [
        [{ id: 'a', function: f('x', '1') }],
        [{ id: 'b', function: f('y', '2') }],
        [{ id: 'a', function: f('x', '3') }],
      ],
      ['0:a:x:1', '1:b:y:2', '0:::3'],
    ],
    [
      'without an index, going on',
      [[{ id: 'a', function: f('x') }], [{ function: f(undefined, '1') }], [{ function: f('', '2') }]],
      ['0:a:x:', '0:::1', '0:::2'],
    ],
    [
      'without index and id, by name',
      [[{ function: f('x', '1') }], [{ function: f('x', '2') }]],
      ['0:call_0:x:1', '1:call_1:x:2'],
    ],
    [
      'without an id',
      [[{ index: 0, function: f('x', '1') }], [{ index: 0, id: 'late', function: f(undefined, '2') }]],
      ['0:call_0:x:1', '0:::2'],
    ],
    [
      'a late name',
      [
        [{ index: 0, id: 'a', function: f(undefined, '1') }],
        [{ index: 0, function: f('', '2') }],
        [{ index: 0, function: f('x', '3') }],
      ],
      ['0:a:x:123'],
    ],
    ['a late name and nothing else', [[{ function: f(undefined, '1') }], [{ id: 'a', function: f('x') }]], ['0:a:x:1']],
    [
      'a name later than the next call',
      [[{ index: 0, id: 'a' }], [{ index: 1, id: 'b', function: f('y') }], [{ index: 0, function: f('x') }]],
      ['0:b:y:', '1:a:x:'],
    ],
    [
      'a name again',
      [[{ index: 0, id: 'a', function: f('x', '1') }], [{ index: 0, id: 'a', function: f('x', '2') }]],
      ['0:a:x:1', '0:::2'],
    ],
    [
      'every call at index 0',
      [
        [{ index: 0, id: 'a', function: f('x', '1') }],
        [{ index: 0, id: 'b', function: f('x', '2') }],
        [{ index: 0, function: f(undefined, '3') }],
      ],
      ['0:a:x:1', '1:b:x:2', '1:::3'],
    ],
    [
      'another id at every fragment',
      [[{ index: 0, id: 'a', function: f('x', '1') }], [{ index: 0, id: 'b', function: f(undefined, '2') }]],
      ['0:a:x:1', '0:::2'],
    ],
    ['an object as arguments', [[{ index: 0, id: 'a', function: f('x', { b: [1, null] }) }]], ['0:a:x:{"b":[1,null]}']],
    ['null as arguments', [[{ index: 0, id: 'a', function: f('x', null) }]], ['0:a:x:']],
    ['entries that are nothing', [[null, 7, {}, { id: '', function: f('', '') }, { id: 'z', type: 'function' }]], []],
  ])('%s', (_, entries, expected) => {
    expect(short(said(...entries.map((calls) => ({ tool_calls: calls }))))).toEqual(expected);
  });

  it('tells calls of a body apart by their place, and gives each its own id', () => {
    const calls = [
      { id: '', function: f('x', '1') },
      { id: 'a', function: f('x', '2') },
      { id: 'a', function: f('y', '3') },
    ];
    const heard = body({ choices: [{ message: { tool_calls: calls }, finish_reason: 'tool_calls' }] });
    expect(short(heard)).toEqual(['0:call_0:x:1', '1:a:x:2', '2:a_2:y:3']);
  });

  it('ignores a legacy call that says nothing', () => {
    expect(short(said({ function_call: { name: '', arguments: '' } }, { function_call: 7 }))).toEqual([]);
  });

  it('keeps the signature of a call', () => {
    const extra_content = { google: { thought_signature: 'abc' } };
    const { deltas } = said(
      { tool_calls: [{ index: 0, extra_content }] },
      { tool_calls: [{ index: 0, id: 'a', function: f('x'), extra_content }] },
    );
    const states = deltas.flatMap(({ case: kind, value }) => (kind === 'toolCallDelta' ? [value.providerState] : []));
    expect(states.map((state) => state && { ...state, data: Buffer.from(state.data).toString() })).toEqual([
      undefined,
      expect.objectContaining({ provider: 'here', model: 'm', data: JSON.stringify({ extra_content }) }),
    ]);
  });

  it.each<[string, unknown]>([
    ['arguments of a call without a name', { tool_calls: [{ index: 0, id: 'a', function: f(undefined, '{}') }] }],
    [
      'arguments that nest too deeply',
      { tool_calls: [{ function: f('x', JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))) }] },
    ],
  ])('refuses %s', (_, delta) => expect(failure(() => said(delta)).kind).toBe('upstream_bad_response'));
});
