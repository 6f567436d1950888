import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { added, type Init, items, type PartInit, refusal, target, text, warned, wire } from './send.ts';

const media = (mediaType: string) => ({ source: { case: 'data' as const, value: Buffer.from('x') }, mediaType });
const state = (data: object, model = target.model) => ({
  provider: target.provider,
  model,
  data: Buffer.from(JSON.stringify(data)),
});
const call = (id: string): PartInit => ({
  part: { case: 'toolCall', value: { id, name: 'look', arguments: '{}' } },
});
const result = (toolCallId: string, isError: boolean, ...content: PartInit[]): PartInit => ({
  part: { case: 'toolResult', value: { toolCallId, content, isError } },
});
const image: PartInit = { part: { case: 'image', value: media('image/png') } };
const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' };
const thought = (item: object, model?: string): PartInit => ({
  part: { case: 'reasoning', value: { text: 'hm' } },
  providerState: state({ item }, model),
});
const types = (init: Init) => items(init).map(({ type }) => type);

describe('a part that does not belong', () => {
  it.each<[string, Role, PartInit, string, string]>([
    ['sound', Role.USER, { part: { case: 'audio', value: media('audio/wav') } }, 'model_lacks_ability', '.audio'],
    ['an image without a source', Role.USER, { part: { case: 'image', value: {} } }, 'invalid_request', '.image'],
    [
      'a document without a source',
      Role.USER,
      { part: { case: 'document', value: {} } },
      'invalid_request',
      '.document',
    ],
    ['a call of the user', Role.USER, call('c'), 'invalid_request', ''],
    ['an image in instructions', Role.SYSTEM, image, 'invalid_request', ''],
    ['an image of the model', Role.ASSISTANT, image, 'invalid_request', ''],
  ])('%s is refused', (_, role, part, kind, field) => {
    expect(refusal(() => wire({ messages: [{ role, content: [part] }] }))).toEqual([
      kind,
      [`messages[0].content[0]${field}`],
    ]);
  });
});

it('sends whole characters only', () => {
  const messages: Init['messages'] = [
    { role: Role.SYSTEM, content: [text('\ud83d')] },
    {
      role: Role.USER,
      content: [
        text('\ud83d'),
        { part: { case: 'image', value: { source: { case: 'url', value: 'https://x/\ud83d' } } } },
      ],
    },
    { role: Role.ASSISTANT, content: [text('\ud83d'), { part: { case: 'refusal', value: '\ud83d' } }, call('\ud83d')] },
    { role: Role.TOOL, content: [result('\ud83d', false, text('\ud83d'))] },
  ];
  const json = JSON.stringify(wire({ messages, promptCacheKey: '\ud83d', tools: [{ name: '\ud83d' }] }).body);
  expect(json).not.toContain('\\ud83d');
  expect(json.match(/\ufffd/g)?.length).toBeGreaterThan(7);
});

describe('a tool result', () => {
  const output = (...parts: PartInit[]) => {
    const messages = [
      { role: Role.ASSISTANT, content: [call('c')] },
      { role: Role.TOOL, content: parts },
    ];
    return items({ messages })[1]?.output;
  };
  const wireImage = { type: 'input_image', image_url: 'data:image/png;base64,eA==', detail: 'auto' };

  it.each<[string, PartInit, unknown]>([
    ['text', result('c', false, text('a')), 'a'],
    ['nothing', result('c', false), ''],
    [
      'texts',
      result('c', false, text('a'), text('b')),
      [
        { type: 'input_text', text: 'a' },
        { type: 'input_text', text: 'b' },
      ],
    ],
    ['an image', result('c', false, image), [wireImage]],
    ['an error', result('c', true, text('a')), 'Error: a'],
    ['an error without words', result('c', true), 'Error: nothing more is known.'],
    ['an error with empty words', result('c', true, text('')), 'Error: nothing more is known.'],
    ['an error with an image', result('c', true, image), [{ type: 'input_text', text: 'Error:' }, wireImage]],
  ])('of %s', (_, part, expected) => expect(output(part)).toEqual(expected));

  it.each([
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), 'call_long_0'],
    ['a|b', 'call_long_0'],
  ])('has the same id as its call: %s', (id, expected) => {
    const messages = [
      { role: Role.ASSISTANT, content: [call(id)] },
      { role: Role.TOOL, content: [result(id, false)] },
    ];
    const ids = items({ messages }).map((item) => item.call_id);
    expect(ids).toEqual([expected, expected]);
  });
});

describe('earlier reasoning', () => {
  const saying = (...content: PartInit[]): Init => ({ messages: [{ role: Role.ASSISTANT, content }] });

  it('goes before what follows it', () => {
    const init = saying(thought(sealed), call('c'), thought(sealed), text('a'));
    expect(types(init).slice(0, 4)).toEqual(['reasoning', 'function_call', 'reasoning', 'message']);
  });

  it.each<[string, PartInit[]]>([
    ['of another model', [thought(sealed, 'other'), text('a')]],
    ['that is not sealed', [thought({ ...sealed, encrypted_content: '' }), text('a')]],
    ['that is something else', [thought({ ...sealed, type: 'message' }), text('a')]],
    ['without state', [{ part: { case: 'reasoning', value: { text: 'a' } } }, text('a')]],
    ['after which nothing comes', [thought(sealed)]],
  ])('%s is dropped', (_, content) => {
    expect(types(saying(...content))).not.toContain('reasoning');
    expect(warned(saying(...content))).toContain('messages[0].content[0]');
  });

  it('leaves no trace of its text, which is refused there', () => {
    const item = { ...sealed, content: [{ type: 'reasoning_text', text: 'hm' }], status: 'completed' };
    const [first] = items(saying(thought(item), text('a')));
    expect(first).toEqual({ ...sealed, status: 'completed' });
  });
});

it.each(['commentary', 'final_answer', 'other', 7])('sends the phase %j back if there is such a one', (phase) => {
  const known = phase === 'commentary' || phase === 'final_answer';
  const init: Init = {
    messages: [{ role: Role.ASSISTANT, content: [{ ...text('a'), providerState: state({ phase }) }] }],
  };
  expect(items(init)[0]).toEqual({
    type: 'message',
    id: 'msg_0_0',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'a', annotations: [] }],
    ...(known ? { phase } : {}),
  });
  expect(warned(init)).toEqual(known ? [] : ['messages[0].content[0].provider_state']);
});

describe('prompt cache hints', () => {
  const hinted = (promptCache: PartInit['promptCache']): PartInit => ({
    ...text('a'),
    ...(promptCache ? { promptCache } : {}),
  });
  const marks = (init: Init) => [...JSON.stringify(wire(init).body).matchAll(/"ttl":"(\w+)"/g)].map(([, ttl]) => ttl);

  it.each<[bigint, number, string, boolean]>([
    [1n, 0, '30m', true],
    [1_800n, 0, '30m', false],
    [1_800n, 1, '30m', true],
    [22_499n, 0, '30m', true],
    [22_500n, 0, '12h', true],
    [43_200n, 0, '12h', false],
    [86_400n, 0, '12h', true],
  ])('of %i s are sent as the nearest', (seconds, nanos, ttl, changed) => {
    const init: Init = { messages: [{ role: Role.USER, content: [hinted({ ttl: { seconds, nanos } })] }] };
    expect(marks(init)).toEqual([ttl]);
    expect(warned(init)).toEqual(changed ? ['messages[0].content[0].prompt_cache.ttl'] : []);
  });

  it('are sent eighty at most, the last ones, in the order of the prompt', () => {
    const twelve = { ttl: { seconds: 43_200n } };
    const many = Array.from({ length: 78 }, () => hinted(twelve));
    const messages: Init['messages'] = [
      { role: Role.USER, content: [hinted({ ttl: { seconds: 1_800n } }), ...many] },
      { role: Role.ASSISTANT, content: [call('c')] },
      { role: Role.TOOL, content: [{ ...result('c', false, hinted(twelve), text('b')), promptCache: twelve }] },
    ];
    expect(marks({ messages })).toEqual(Array.from({ length: 80 }, () => '12h'));
    expect(warned({ messages })).toEqual(['messages[0].content[0].prompt_cache']);
  });

  it('on a result come after those on what is in it', () => {
    const messages: Init['messages'] = [
      { role: Role.ASSISTANT, content: [call('c')] },
      { role: Role.TOOL, content: [{ ...result('c', false, hinted({})), promptCache: {} }] },
      { role: Role.USER, content: Array.from({ length: 79 }, () => hinted({})) },
    ];
    expect(warned({ messages })).toEqual(['messages[1].content[0].tool_result.content[0].prompt_cache']);
  });

  it('are no news to a model that takes none', () => {
    const messages = [{ role: Role.USER, content: [hinted({})] }];
    expect(added({ messages }, { cacheBreakpoints: false })).toEqual({});
    expect(JSON.stringify(wire({ messages }, { cacheBreakpoints: false }).body)).not.toContain('breakpoint');
  });
});
