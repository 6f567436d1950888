import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { failureOf } from './hear.ts';
import { type Init, type Parts, sent, text, warned, wire } from './send.ts';

type MessageInit = NonNullable<Init['messages']>[number];

const media = (kind: 'image' | 'audio' | 'document', url: string): Parts[number] => ({
  part: { case: kind, value: { source: { case: 'url', value: url } } },
});

describe('URLs', () => {
  it.each([
    'https://www.youtube.com/watch?v=abc',
    'https://youtube.com/shorts/abc',
    'https://youtu.be/abc',
    'https://generativelanguage.googleapis.com/v1beta/files/abc-1',
  ])('%s is read by the provider', (url) => {
    expect(sent(Role.USER, [media('document', url)])).toEqual([
      { role: 'user', parts: [{ fileData: { fileUri: url } }] },
    ]);
  });

  it.each([
    'https://example.com/a.png',
    'https://example.com/?https://youtu.be/abc',
    'https://youtu.be.example.com/abc',
    'https://www.youtube.com.example.com/watch?v=a',
    'https://generativelanguage.googleapis.com/v1beta/models',
    'http://youtu.be/abc',
    'gs://bucket/a.png',
  ])('%s is not', (url) => {
    const { kind, facts } = failureOf(() => sent(Role.USER, [media('image', url)]));
    expect(kind).toBe('model_lacks_ability');
    expect(facts.violations?.map(({ field }) => field)).toEqual(['messages[0].content[0].image']);
  });
});

describe('parts that do not belong', () => {
  const reasoning: Parts[number] = { part: { case: 'reasoning', value: { text: 'a' } } };

  it.each<[string, Role, Parts]>([
    ['reasoning of a user', Role.USER, [reasoning]],
    ['a picture as an instruction', Role.SYSTEM, [media('image', 'https://youtu.be/a')]],
    ['a picture of the model', Role.ASSISTANT, [media('image', 'https://youtu.be/a')]],
    ['a picture without a source', Role.USER, [{ part: { case: 'image', value: {} } }]],
    ['text as a result', Role.TOOL, [text('a')]],
  ])('%s', (_, role, content) => {
    expect(failureOf(() => sent(role, content)).kind).toBe('invalid_request');
  });
});

it('replaces lone surrogates everywhere', () => {
  const { body, path } = wire({
    messages: [
      { role: Role.SYSTEM, content: [text('a\ud83d')] },
      { role: Role.USER, content: [text('b\ude00')] },
      { role: Role.ASSISTANT, content: [text('\ud83d'), { part: { case: 'refusal', value: '\ude00' } }] },
      { role: Role.ASSISTANT, content: [{ part: { case: 'toolCall', value: { id: '\ud83d', name: '\ud83d' } } }] },
    ],
    stop: ['\ud83d'],
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', schema: '{}', description: '\ud83d' } } },
  });
  expect((JSON.stringify(body) + path).isWellFormed()).toBe(true);
  expect(JSON.stringify(body)).not.toMatch(/\\ud[89a-f]/);
});

it('leaves out an answer of which nothing can be sent', () => {
  const messages = [
    { role: Role.USER, content: [text('a')] },
    { role: Role.ASSISTANT, content: [text(''), { part: { case: 'reasoning', value: { text: 'b' } } } as const] },
    { role: Role.USER, content: [text('c')] },
  ];
  expect(wire({ messages }).body.contents).toEqual([{ role: 'user', parts: [{ text: 'a' }, { text: 'c' }] }]);
  expect(warned({ messages })).toEqual(['messages[1].content[1]']);
});

describe('tool call ids', () => {
  const ids = (...given: string[]) => {
    const content = given.map((id) => ({ part: { case: 'toolCall', value: { id, name: 'f' } } }) as const);
    return JSON.stringify(wire({ messages: [{ role: Role.ASSISTANT, content }] }).body).match(/(?<="id":")[^"]*/g);
  };

  it('are replaced alike on a call and its result if they do not fit', () => {
    const long = 'x'.repeat(65);
    expect(ids('ok_-1', 'a|b', long)).toEqual([
      'ok_-1',
      'call_odd_0',
      'call_odd_1',
      'ok_-1',
      'call_odd_0',
      'call_odd_1',
    ]);
    expect(ids('x'.repeat(64))).toEqual(['x'.repeat(64), 'x'.repeat(64)]);
    expect(ids('a\n', 'é')).toEqual(['call_odd_0', 'call_odd_1', 'call_odd_0', 'call_odd_1']);
  });
});

describe('a paused answer', () => {
  const paused = (token: string, model = 'm'): MessageInit => {
    const data = Buffer.from(JSON.stringify({ continuationToken: token }));
    const content: Parts = [
      text('half'),
      { part: { case: 'text', value: '' }, providerState: { provider: 'here', model, data } },
    ];
    return { role: Role.ASSISTANT, content };
  };
  const user: MessageInit = { role: Role.USER, content: [text('a')] };

  it('goes on by its last token, without what it said', () => {
    const { body, warnings } = wire({ messages: [user, paused('1'), paused('2')] });
    expect(body).toEqual({ contents: [{ role: 'user', parts: [{ text: 'a' }] }], continuationToken: '2' });
    expect(warnings).toEqual([]);
  });

  it('is an answer like any other once something follows, or for another model', () => {
    expect(wire({ messages: [user, paused('1'), user] }).body).not.toHaveProperty('continuationToken');
    expect(wire({ messages: [user, paused('1', 'other')] }).body).not.toHaveProperty('continuationToken');
  });
});

describe('options', () => {
  const options = (fields: object) => ({ providerOptions: { here: fields } }) as Init;

  it.each([
    { contents: [] },
    { system_instruction: {} },
    { toolConfig: { functionCallingConfig: {} } },
    { toolConfig: { function_calling_config: {} } },
    { tool_config: {} },
    { generationConfig: { topP: 1 } },
    { generationConfig: { top_p: 1 } },
    { generation_config: { presence_penalty: 1 } },
    { continuation_token: 'x' },
    { tools: [] },
  ])('%j is refused', (fields) => {
    expect(failureOf(() => wire(options(fields))).kind).toBe('invalid_request');
  });

  it('go beside what is there', () => {
    const { body } = wire({ ...options({ generationConfig: { frequencyPenalty: 1 }, store: false }), temperature: 0 });
    expect(body).toMatchObject({ generationConfig: { temperature: 0, frequencyPenalty: 1 }, store: false });
  });
});
