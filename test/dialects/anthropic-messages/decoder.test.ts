import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { block, body, failure, parts, said, short, start, stream } from './hear.ts';

const text = (piece: string) => ({ type: 'text_delta', text: piece });
const thought = (piece: string) => ({ type: 'thinking_delta', thinking: piece });
const signed = (signature: string) => ({ type: 'signature_delta', signature });
const json = (piece: string) => ({ type: 'input_json_delta', partial_json: piece });
const toolUse = { type: 'tool_use', id: 'a', name: 'f', input: {} };

describe('blocks', () => {
  it.each<[string, object[], string[]]>([
    ['text', block(0, { type: 'text', text: 'a' }, text(''), text('b')), ['a', 'b']],
    ['an unknown kind of piece', block(0, { type: 'text', text: '' }, { type: 'new_delta', text: 'x' }), []],
    ['pieces that are none', block(0, { type: 'text' }, { type: 'text_delta', text: 7 }), []],
    [
      'thinking',
      block(0, { type: 'thinking', thinking: '', signature: '' }, thought('a'), signed('s')),
      ['(a)', '( {"signature":"s"})'],
    ],
    ['hidden thinking', block(0, { type: 'thinking', thinking: '', signature: 's' }), ['( {"signature":"s"})']],
    [
      'the last signature',
      block(0, { type: 'thinking', signature: 's' }, signed('t'), signed('')),
      ['( {"signature":"t"})'],
    ],
    ['unsigned thinking', block(0, { type: 'thinking', thinking: 'a' }), ['(a)', '( {"signature":""})']],
    ['half a character', block(0, { type: 'thinking', thinking: '\ud83d' }), ['(\ufffd)', '( {"signature":""})']],
    ['thinking of nothing', block(0, { type: 'thinking', thinking: '', signature: '' }), []],
    ['redacted thinking', block(0, { type: 'redacted_thinking', data: 'd' }), ['( {"redacted":"d"})']],
    ['redacted thinking of nothing', block(0, { type: 'redacted_thinking', data: '' }, thought('x')), []],
    ['a tool call', block(0, toolUse, json(''), json('{"a"'), json(':1}')), ['0:a:f:', '0:::{"a"', '0::::1}']],
    ['a tool call without arguments', block(0, toolUse, json('')), ['0:a:f:', '0:::{}']],
    ['arguments in the start', block(0, { ...toolUse, input: { b: [1] } }), ['0:a:f:', '0:::{"b":[1]}']],
    ['arguments that are null', block(0, { ...toolUse, input: null }), ['0:a:f:', '0:::{}']],
    ['a tool call without an id', block(3, { ...toolUse, id: undefined }), ['0:call_0:f:', '0:::{}']],
    [
      'blocks that alternate',
      [
        { type: 'content_block_start', index: 0, content_block: toolUse },
        { type: 'content_block_start', index: 1, content_block: { ...toolUse, id: 'b' } },
        { type: 'content_block_delta', index: 0, delta: json('1') },
        { type: 'content_block_delta', index: 1, delta: json('2') },
      ],
      ['0:a:f:', '1:b:f:', '0:::1', '1:::2'],
    ],
    ['blocks without a stop', block(0, { type: 'text', text: 'a\ud83d' }).slice(0, 1), ['a', '\ufffd']],
    ['events that are not known', [{ type: 'ping' }, { type: 'new_event', delta: text('x') }, {}], []],
  ])('%s', (_, events, expected) => expect(short(said(...events))).toEqual(expected));

  it('keeps thinking in a row apart', () => {
    const heard = said(
      ...block(0, { type: 'thinking', thinking: 'a' }),
      ...block(1, { type: 'thinking', thinking: 'b', signature: 's' }),
      ...block(2, { type: 'redacted_thinking', data: 'd' }),
      ...block(3, { type: 'thinking', thinking: 'c', signature: 't' }),
    );
    expect(parts(heard).map(({ part }) => (part.case === 'reasoning' ? part.value.text : ''))).toEqual([
      'a',
      'b',
      '',
      'c',
    ]);
  });

  it.each<[string, object[]]>([
    ['a piece of no block', [{ type: 'content_block_delta', index: 0, delta: text('a') }]],
    ['a piece of a block that is over', [...block(0, { type: 'text' }), { type: 'content_block_delta', index: 0 }]],
    ['a call without a name', block(0, { type: 'tool_use', id: 'a' })],
    [
      'arguments that nest too deeply',
      block(0, { ...toolUse, input: JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`) }),
    ],
  ])('refuses %s', (_, events) => expect(failure(() => said(...events)).kind).toBe('upstream_bad_response'));

  it('refuses what is no event', () => {
    expect(failure(() => stream(['a'])).kind).toBe('upstream_bad_response');
    expect(failure(() => body('a')).kind).toBe('upstream_bad_response');
    expect(failure(() => body({ id: 'x' })).kind).toBe('upstream_bad_response');
  });
});

describe('what has no place', () => {
  const ranTools =
    'The answer also held calls of tools that the provider ran itself, which this contract has no place for.';
  const citations = 'The answer also held citations, which this contract has no place for.';

  it.each<[string, object[], string[]]>([
    ['a tool of the provider', block(0, { type: 'server_tool_use' }, json('{}')), [ranTools]],
    ['its result', block(0, { type: 'bash_code_execution_tool_result', content: {} }), [ranTools]],
    ['a tool of a server of tools', block(0, { type: 'mcp_tool_use' }), [ranTools]],
    [
      'another block',
      block(0, { type: 'compaction' }),
      ['The answer also held blocks of a kind that is not known here.'],
    ],
    ['no block', block(0, []), ['The answer also held blocks of a kind that is not known here.']],
    ['citations', block(0, { type: 'text', citations: [{}] }), [citations]],
    [
      'late citations',
      block(0, { type: 'text' }, { type: 'citations_delta' }, { type: 'citations_delta' }),
      [citations],
    ],
    ['no citations', block(0, { type: 'text', citations: null }), []],
  ])('%s is told of', (_, events, expected) => {
    const { deltas, ending } = said(...events);
    expect(ending.warnings.map(({ message }) => message)).toEqual(expected);
    expect(deltas).toEqual([]);
  });
});

describe('a stream and the body that says the same', () => {
  const word = fc.string({ unit: 'binary', maxLength: 12 });
  const anyBlock = fc.oneof(
    fc.record({ type: fc.constant('text'), text: word }),
    fc.record({ type: fc.constant('thinking'), thinking: word, signature: word }),
    fc.record({ type: fc.constant('redacted_thinking'), data: word }),
    fc.record({
      type: fc.constant('tool_use'),
      id: fc.constant('a'),
      name: fc.constant('f'),
      // That key is left out where the input comes as an object.
      input: fc.dictionary(word, word).map(({ ['__proto__']: _, ...input }) => input),
    }),
  );

  /** The block as a stream has it, its text cut at `at`. */
  function streamed(content: { type: string } & Record<string, unknown>, index: number, at: number): object[] {
    const cut = (piece: (part: string) => object, whole: string) => [piece(whole.slice(0, at)), piece(whole.slice(at))];
    if (content.type === 'text') return block(index, { type: 'text', text: '' }, ...cut(text, String(content.text)));
    if (content.type === 'thinking')
      return block(
        index,
        { type: 'thinking', thinking: '', signature: '' },
        ...cut(thought, String(content.thinking)),
        signed(String(content.signature)),
      );
    if (content.type === 'tool_use')
      return block(index, { ...content, input: {} }, ...cut(json, JSON.stringify(content.input)));
    return block(index, content);
  }

  it('come to the same parts', () => {
    const property = fc.property(fc.array(anyBlock), fc.nat(10), (content, at) => {
      const whole = body({ type: 'message', content, stop_reason: 'end_turn' });
      const pieces = said(...content.flatMap((one, i) => streamed({ ...one }, i, at)));
      expect(parts(pieces)).toEqual(parts(whole));
      for (const piece of short(pieces)) expect(piece.isWellFormed()).toBe(true);
    });
    fc.assert(property);
  });
});

describe('a stream', () => {
  it('is over when it says so', () => {
    expect(
      short(
        stream(
          start(),
          { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
          { type: 'message_stop' },
          { type: 'error', error: {} },
        ),
      ),
    ).toEqual([]);
  });
});
