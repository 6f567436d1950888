import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaSchema } from '#gen/antiphon/v1/completion_pb.js';
import { stateOf } from '../../../src/dialects/grammar/provider-state.ts';
import {
  assistant,
  call,
  type Messages,
  type Parts,
  type Quirks,
  refusal,
  result,
  sent,
  system,
  text,
  tool,
  user,
  warned,
  wire,
} from './send.ts';

const t = (value: string) => ({ type: 'text', text: value });
const bytes = Uint8Array.of(1, 2, 3);
const media = (kind: 'image' | 'audio' | 'document', init: MessageInitShape<typeof MediaSchema>): Parts[number] => ({
  part: { case: kind, value: create(MediaSchema, init) },
});
const data = (mediaType: string, value = bytes) => ({ source: { case: 'data' as const, value }, mediaType });
const url = (mediaType = '') => ({ source: { case: 'url' as const, value: 'https://example.com/x' }, mediaType });

describe('the order', () => {
  it.each<[string, Messages, Quirks, unknown, string[]]>([
    [
      'neighbours are one message',
      [user(text('a')), user(text('b')), assistant(text('c')), assistant(text('d')), user(text('e'))],
      {},
      [
        { role: 'user', content: [t('a'), t('b')] },
        { role: 'assistant', content: [t('c'), t('d')] },
        { role: 'user', content: [t('e')] },
      ],
      [],
    ],
    [
      'blank text is let go, and what has nothing else',
      [user(text('a')), assistant(text(''), text(' \n')), user(text('b'))],
      {},
      [{ role: 'user', content: [t('a'), t('b')] }],
      ['messages[1].content[1]'],
    ],
    ['empty text says nothing', [user(text(''), text('a'))], {}, [{ role: 'user', content: [t('a')] }], []],
    [
      'the first is the user’s',
      [assistant(text('a')), user(text('b'))],
      {},
      [
        { role: 'user', content: [t('Begin.')] },
        { role: 'assistant', content: [t('a')] },
        { role: 'user', content: [t('b')] },
      ],
      ['messages'],
    ],
    ['there is one', [user(text(''))], {}, [{ role: 'user', content: [t('Begin.')] }], ['messages']],
    [
      'an answer that was begun loses the space at its end',
      [user(text('a')), assistant(text('b '), text('c '))],
      {},
      [
        { role: 'user', content: [t('a')] },
        { role: 'assistant', content: [t('b '), t('c')] },
      ],
      ['messages[1]'],
    ],
    [
      'a model that cannot go on is asked to',
      [user(text('a')), assistant(text('b '))],
      { prefill: false },
      [
        { role: 'user', content: [t('a')] },
        { role: 'assistant', content: [t('b ')] },
        { role: 'user', content: [t('Continue.')] },
      ],
      ['messages'],
    ],
  ])('%s', (_, messages, changed, expected, fields) => {
    expect(sent(messages, changed)).toEqual(expected);
    expect(warned({ messages }, changed)).toEqual(fields);
  });

  it('holds for any conversation', () => {
    const part = fc.constantFrom('', ' ', 'a', 'b ').map(text);
    const content = fc.array(part, { minLength: 1, maxLength: 2 });
    const one = fc.oneof(
      content.map((parts) => user(...parts)),
      content.map((parts) => system(...parts)),
      content.map((parts) => assistant(...parts)),
      fc
        .uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 2 })
        .map((ids) => assistant(text('c'), ...ids.map((id) => call(id)))),
      fc
        .array(fc.constantFrom('x', 'y'), { minLength: 1, maxLength: 2 })
        .map((ids) => tool(...ids.map((id) => result(id, [text('r')])))),
    );
    const quirks = fc.record({ prefill: fc.boolean(), systemMessages: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1 }), quirks, (messages, changed) => {
        expect(broken(wire({ messages }, changed).body.messages, changed)).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

interface Sent {
  readonly role: string;
  readonly content: readonly { type: string; text?: string; id?: string; tool_use_id?: string }[];
}

/** What the API would refuse of a conversation. */
function broken(sentMessages: unknown, { prefill, systemMessages }: Quirks): string | undefined {
  const messages = sentMessages as readonly Sent[];
  if (messages[0]?.role !== 'user') return 'the first';
  if (messages.at(-1)?.role === 'assistant' && !prefill) return 'the last';
  const ids = messages.flatMap(({ content }) => content.flatMap(({ id }) => id ?? []));
  if (new Set(ids).size < ids.length) return 'ids';
  for (const [i, { role, content }] of messages.entries()) {
    const [before, after] = [messages[i - 1], messages[i + 1]];
    if (content.length === 0 || content.some(({ type, text: said }) => type === 'text' && !said?.trim()))
      return 'blank';
    if (role === before?.role) return 'neighbours';
    if (role === 'system' && (!systemMessages || before?.role !== 'user' || after?.role === 'user')) return 'system';
    const calls = content.flatMap(({ type, id }) => (type === 'tool_use' ? [id] : []));
    const answers = (after?.content ?? []).slice(0, calls.length).map(({ tool_use_id: id }) => id);
    if ([...calls].sort().join() !== [...answers].sort().join()) return 'results';
  }
  return undefined;
}

describe('instructions', () => {
  const within = [system(text('a')), user(text('b')), system(text('c')), assistant(text('d')), user(text('e'))];

  it('stand on top, and within where the model takes them', () => {
    const { body } = wire({ messages: within });
    expect(body.system).toEqual([t('a')]);
    expect(body.messages).toEqual([
      { role: 'user', content: [t('b')] },
      { role: 'system', content: [t('c')] },
      { role: 'assistant', content: [t('d')] },
      { role: 'user', content: [t('e')] },
    ]);
    expect(warned({ messages: within })).toEqual([]);
  });

  it('are the user’s text where it does not', () => {
    expect(sent(within, { systemMessages: false })).toEqual([
      { role: 'user', content: [t('b'), t('<system>\nc\n</system>')] },
      { role: 'assistant', content: [t('d')] },
      { role: 'user', content: [t('e')] },
    ]);
    expect(warned({ messages: within }, { systemMessages: false })).toEqual(['messages[2]']);
  });

  it.each<[string, Messages]>([
    ['before a user’s message', [user(text('b')), system(text('c')), user(text('d'))]],
    ['after an answer', [user(text('b')), assistant(text('d')), system(text('c')), user(text('e'))]],
  ])('are the user’s text %s', (_, messages) => {
    expect(JSON.stringify(sent(messages))).toContain('<system>');
    expect(warned({ messages })).toHaveLength(1);
  });

  it('are text only', () => {
    expect(refusal(() => wire({ messages: [system(media('image', url()))] }))).toEqual([
      'invalid_request',
      ['messages[0].content[0]'],
    ]);
  });
});

describe('images, documents and sound', () => {
  const only = (part: Parts[number]) => sent([user(part)]);
  const sends = (block: object) => [{ role: 'user', content: [block] }];
  const b64 = 'AQID';

  it.each<[string, Parts[number], object]>([
    [
      'an image',
      media('image', data('image/PNG')),
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: b64 } },
    ],
    [
      'an image by another name',
      media('image', data('image/jpg')),
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: b64 } },
    ],
    [
      'an image by URL',
      media('image', url()),
      { type: 'image', source: { type: 'url', url: 'https://example.com/x' } },
    ],
    [
      'a PDF',
      media('document', data('application/pdf; x=y')),
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: b64 } },
    ],
    [
      'a PDF by URL',
      media('document', { ...url('application/pdf'), filename: 'x\ud800' }),
      { type: 'document', source: { type: 'url', url: 'https://example.com/x' }, title: 'x\ufffd' },
    ],
    [
      'a text',
      media('document', data('text/plain', Buffer.from('é'))),
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é' } },
    ],
  ])('%s', (_, part, block) => {
    expect(only(part)).toEqual(sends(block));
    expect(warned({ messages: [user(part)] })).toEqual([]);
  });

  it.each<[string, Parts[number], string, string]>([
    ['a picture of another kind', media('image', data('image/tiff')), 'model_lacks_ability', 'image'],
    ['a kind that is none', media('image', data('constructor')), 'model_lacks_ability', 'image'],
    ['an image of nothing', media('image', {}), 'invalid_request', 'image'],
    ['sound', media('audio', data('audio/wav')), 'model_lacks_ability', 'audio'],
    ['another document', media('document', data('application/zip')), 'model_lacks_ability', 'document'],
    ['another document by URL', media('document', url('text/plain')), 'model_lacks_ability', 'document'],
    [
      'a text that is none',
      media('document', data('text/plain', Uint8Array.of(255))),
      'model_lacks_ability',
      'document',
    ],
    ['a document of nothing', media('document', {}), 'invalid_request', 'document'],
  ])('refuses %s', (_, part, kind, field) => {
    expect(refusal(() => only(part))).toEqual([kind, [`messages[0].content[0].${field}`]]);
  });

  it('knows one kind of text only', () => {
    expect(warned({ messages: [user(media('document', data('text/csv')))] })).toEqual([
      'messages[0].content[0].document.media_type',
    ]);
  });

  it.each<[string, Messages]>([
    ['a call from the user', [user(call('x'))]],
    ['a result in an answer', [user(text('a')), assistant(result('x', []))]],
  ])('refuses %s', (_, messages) => expect(refusal(() => wire({ messages }))?.[0]).toBe('invalid_request'));
});

describe('tools', () => {
  const blocks = (messages: Messages, i: number) => (sent(messages) as unknown as readonly Sent[])[i]?.content;

  it.each<[string, unknown, string[]]>([
    ['{"a":[1]}', { a: [1] }, []],
    ['', {}, []],
    [' ', {}, []],
    ['[1]', { arguments: '[1]' }, ['messages[1].content[0].tool_call.arguments']],
    ['{"a":', { arguments: '{"a":' }, ['messages[1].content[0].tool_call.arguments']],
    ['{"a":"\\ud800"}', { a: '\ufffd' }, []],
  ])('have %j as arguments', (args, input, fields) => {
    const messages = [user(text('a')), assistant(call('x', args)), tool(result('x', [text('r')]))];
    expect(blocks(messages, 1)).toEqual([{ type: 'tool_use', id: 'x', name: 'f', input }]);
    expect(warned({ messages })).toEqual(fields);
  });

  it('have ids that the provider takes, the same for a call and its result', () => {
    const id = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.stringMatching(/^[\w-]{1,64}$/),
      fc.constant('x'.repeat(65)),
    );
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 4 }), (ids) => {
        const messages = [
          user(text('a')),
          assistant(...ids.map((one) => call(one))),
          tool(...ids.map((one) => result(one, []))),
        ];
        const calls = blocks(messages, 1)?.map((block) => block.id ?? '') ?? [];
        expect(blocks(messages, 2)?.map((block) => block.tool_use_id)).toEqual(calls);
        expect(new Set(calls).size).toBe(ids.length);
        for (const [i, one] of calls.entries()) {
          expect(one).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
          if (/^[A-Za-z0-9_-]{1,64}$/.test(ids[i] ?? '')) expect(one).toBe(ids[i]);
        }
      }),
    );
  });

  it('have ids that differ, also from answer to answer', () => {
    const turn = [assistant(call('a|'), call('call_long_0')), tool(result('call_long_0', []), result('a|', []))];
    const messages = [user(text('a')), ...turn, ...turn];
    const ids = [1, 2, 3, 4].map((i) => blocks(messages, i)?.map(({ id, tool_use_id }) => id ?? tool_use_id));
    expect(ids).toEqual([
      ['call_long_0', 'call_long_1'],
      ['call_long_1', 'call_long_0'],
      ['call_again_2', 'call_again_3'],
      ['call_again_3', 'call_again_2'],
    ]);
  });

  it('have no made-up id that is there already', () => {
    const first = [assistant(call('call_again_2'), call('x')), tool(result('call_again_2', []), result('x', []))];
    const messages = [user(text('a')), ...first, assistant(call('x')), tool(result('x', []))];
    expect(blocks(messages, 3)?.map(({ id }) => id)).toEqual(['call_again_3']);
    expect(blocks(messages, 4)?.map(({ tool_use_id }) => tool_use_id)).toEqual(['call_again_3']);
  });

  const answered = (...content: Parts) => [user(text('a')), assistant(call('x'), call('y')), tool(...content)];
  const image = media('image', data('image/png'));
  const wireImage = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AQID' } };

  it('give text and images', () => {
    expect(blocks(answered(result('x', [text('r'), image]), result('y', [text('')])), 2)).toEqual([
      { type: 'tool_result', tool_use_id: 'x', content: [t('r'), wireImage] },
      { type: 'tool_result', tool_use_id: 'y' },
    ]);
  });

  it('give only text where they fail; the rest stands after all results', () => {
    const messages = answered(result('x', [image], true), result('y', [text(' ')], true));
    expect(blocks(messages, 2)).toEqual([
      {
        type: 'tool_result',
        tool_use_id: 'x',
        content: [t('The tool failed. See what stands after the results.')],
        is_error: true,
      },
      {
        type: 'tool_result',
        tool_use_id: 'y',
        content: [t('The tool failed; nothing more is known.')],
        is_error: true,
      },
      t('From the result of tool call x:'),
      wireImage,
    ]);
    expect(warned({ messages })).toEqual(['messages[2].content[1].tool_result.content[0]', 'messages[2].content[0]']);
  });
});

describe('earlier reasoning', () => {
  const here = { provider: 'here', model: 'm' };
  const thought = (state: object | undefined, from = here, value = 'hm'): Parts[number] => ({
    part: { case: 'reasoning', value: { text: value } },
    ...(state ? { providerState: stateOf(from, { ...state }) } : {}),
  });
  const replayed = (part: Parts[number]) => sent([user(text('a')), assistant(part, text('b')), user(text('c'))]);
  const answer = (...content: object[]) => [
    { role: 'user', content: [t('a')] },
    { role: 'assistant', content },
    { role: 'user', content: [t('c')] },
  ];

  it.each<[string, Parts[number], object]>([
    ['signed', thought({ signature: 's' }), { type: 'thinking', thinking: 'hm', signature: 's' }],
    ['hidden', thought({ signature: 's' }, here, ''), { type: 'thinking', thinking: '', signature: 's' }],
    ['redacted', thought({ redacted: 'd' }, here, ''), { type: 'redacted_thinking', data: 'd' }],
  ])('%s goes back as it came', (_, part, block) => expect(replayed(part)).toEqual(answer(block, t('b'))));

  it.each<[string, Parts[number]]>([
    ['unsigned', thought(undefined)],
    ['with an empty signature', thought({ signature: '' })],
    ['with a signature that is none', thought({ signature: 7 })],
    ['of another model', thought({ signature: 's' }, { provider: 'here', model: 'n' })],
    ['of another provider', thought({ signature: 's' }, { provider: 'there', model: 'm' })],
  ])('%s is let go, with a warning', (_, part) => {
    expect(replayed(part)).toEqual(answer(t('b')));
    expect(warned({ messages: [user(text('a')), assistant(part, text('b')), user(text('c'))] })).toEqual([
      'messages[1].content[0]',
    ]);
  });

  it('is no answer to go on from', () => {
    const messages = [user(text('a')), assistant(thought({ signature: 's' }))];
    expect(warned({ messages })).toEqual(['messages']);
  });

  it('is the only part whose state is of use', () => {
    const part = { ...text('b'), providerState: stateOf(here, { signature: 's' }) };
    expect(replayed(part)).toEqual(answer(t('b'), t('b')));
    expect(warned({ messages: [user(text('a')), assistant(part), user(text('c'))] })).toEqual([
      'messages[1].content[0].provider_state',
    ]);
  });

  it('may be a refusal, which is sent as text', () => {
    const part: Parts[number] = { part: { case: 'refusal', value: 'No.' } };
    expect(replayed(part)).toEqual(answer(t('No.'), t('b')));
    expect(warned({ messages: [user(text('a')), assistant(part), user(text('c'))] })).toEqual([
      'messages[1].content[0]',
    ]);
  });
});
