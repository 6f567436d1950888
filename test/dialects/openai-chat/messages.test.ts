import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import type { OpenAiChatQuirks } from '../../../src/dialects/openai-chat/quirks.ts';
import { type Init, type Parts, refusal, sent, text, warned, wire } from './send.ts';

describe('messages', () => {
  const media = (kind: 'image' | 'audio' | 'document', value: object): Parts => [
    { part: { case: kind, value } } as Parts[number],
  ];
  const data = { case: 'data', value: new Uint8Array([1, 2]) } as const;
  const url = { case: 'url', value: 'https://example.com/x' } as const;

  it.each<[string, Role, OpenAiChatQuirks['instructions'], string]>([
    ['system', Role.SYSTEM, 'system', 'system'],
    ['system', Role.SYSTEM, 'developer', 'developer'],
    ['system', Role.SYSTEM, 'as_given', 'system'],
    ['developer', Role.DEVELOPER, 'system', 'system'],
    ['developer', Role.DEVELOPER, 'developer', 'developer'],
    ['developer', Role.DEVELOPER, 'as_given', 'developer'],
  ])('%s %s where %s is wanted', (_, role, instructions, expected) => {
    expect(sent(role, [text('a')], { instructions })).toEqual([{ role: expected, content: 'a' }]);
  });

  it('sends one text as a string, several as a list', () => {
    expect(sent(Role.USER, [text('a\udc00')])).toEqual([{ role: 'user', content: 'a\ufffd' }]);
    expect(sent(Role.SYSTEM, [text('a'), text('b')])).toEqual([
      {
        role: 'system',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  it.each<[string, Parts, string, string]>([
    ['sound of another kind', media('audio', { source: data, mediaType: 'audio/ogg' }), 'model_lacks_ability', 'audio'],
    ['sound by URL', media('audio', { source: url, mediaType: 'audio/wav' }), 'model_lacks_ability', 'audio'],
    ['a document by URL', media('document', { source: url }), 'model_lacks_ability', 'document'],
    ['an image from nowhere', media('image', {}), 'invalid_request', 'image'],
  ])('refuses %s', (_, content, kind, field) => {
    expect(refusal(() => sent(Role.USER, content))).toEqual([kind, [`messages[0].content[0].${field}`]]);
  });

  it('reads media types as they are written', () => {
    const content = media('audio', { source: data, mediaType: 'Audio/WAV; codecs=1' });
    expect(sent(Role.USER, content)).toEqual([
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AQI=', format: 'wav' } }] },
    ]);
    expect(JSON.stringify(sent(Role.USER, media('document', { source: data, mediaType: 'text/plain' })))).toContain(
      '"file_data":"data:text/plain;base64,AQI=","filename":"document"',
    );
  });

  it.each<[string, Role, Parts]>([
    ['a tool call of the user', Role.USER, [{ part: { case: 'toolCall', value: { id: 'a', name: 'f' } } }]],
    ['a picture in instructions', Role.SYSTEM, media('image', { source: url })],
    ['a picture of the model', Role.ASSISTANT, media('image', { source: url })],
    ['text as a tool', Role.TOOL, [text('a')]],
    ['a part that is nothing', Role.USER, [{}]],
  ])('refuses %s', (_, role, content) => {
    expect(refusal(() => sent(role, content))).toEqual(['invalid_request', ['messages[0].content[0]']]);
  });

  it.each<[string, Parts, boolean, string]>([
    ['text', [text('a')], false, 'a'],
    ['nothing', [], false, ''],
    ['a failure', [text('a')], true, 'Error: a'],
    ['a failure without words', [], true, 'Error: nothing more is known.'],
  ])('sends as the result of a tool: %s', (_, content, isError, expected) => {
    const value = { toolCallId: 'a', content, isError };
    const call = { part: { case: 'toolCall', value: { id: 'a', name: 'f' } } } as const;
    const messages = [
      { role: Role.ASSISTANT, content: [call] },
      { role: Role.TOOL, content: [{ part: { case: 'toolResult', value } as const }] },
    ];
    expect(wire({ messages }).body.messages).toMatchObject([
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 'a', content: expected },
    ]);
  });

  it('refuses a role that is none', () => {
    expect(refusal(() => sent(Role.UNSPECIFIED, [text('a')]))).toEqual(['invalid_request', ['messages[0].role']]);
  });

  it('every long id of a tool call is replaced the same way for call and result', () => {
    const ids = fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), {
      minLength: 1,
      maxLength: 6,
    });
    const property = fc.property(ids, (calls) => {
      const messages: Init['messages'] = [
        {
          role: Role.ASSISTANT,
          content: calls.map((id) => ({ part: { case: 'toolCall', value: { id, name: 'f' } } }) as const),
        },
        {
          role: Role.TOOL,
          content: calls.map((toolCallId) => ({ part: { case: 'toolResult', value: { toolCallId } } }) as const),
        },
      ];
      const [answer, ...results] = wire({ messages }).body.messages as {
        tool_calls: { id: string }[];
        tool_call_id: string;
      }[];
      const wireIds = answer?.tool_calls.map(({ id }) => id) ?? [];
      expect(results.map((result) => result.tool_call_id)).toEqual(wireIds);
      expect(new Set(wireIds).size).toBe(calls.length);
      for (const id of wireIds) expect(id.length).toBeLessThanOrEqual(40);
    });
    fc.assert(property);
  });
});

describe('earlier reasoning', () => {
  const sealed = (provider: string, state: unknown) => ({
    providerState: {
      provider,
      model: 'm',
      data: Buffer.from(typeof state === 'string' ? state : JSON.stringify(state)),
    },
  });
  const thought = (value: string, state = {}): Parts => [
    { part: { case: 'reasoning', value: { text: value } }, ...state },
    text('So.'),
  ];
  const details = {
    reasoning_details: [{ type: 'reasoning.text', signature: 'abc' }, { type: 'reasoning.encrypted', data: 'xyz' }, 7],
  };

  it.each<[string, Parts, Partial<OpenAiChatQuirks>, object, string[]]>([
    ['is dropped', thought('Hm.'), {}, {}, ['messages[0].content[0]']],
    ['goes back as text', thought('Hm.'), { replayReasoning: true }, { reasoning_content: 'Hm.' }, []],
    [
      'of another provider is dropped',
      thought('Hm.', sealed('there', details)),
      { replayReasoning: true, replayReasoningDetails: true },
      {},
      ['messages[0].content[0]'],
    ],
    [
      'goes back as details, signed text included',
      thought('Hm.', sealed('here', details)),
      { replayReasoning: true, replayReasoningDetails: true },
      {
        reasoning_details: [
          { type: 'reasoning.text', signature: 'abc', text: 'Hm.' },
          { type: 'reasoning.encrypted', data: 'xyz' },
        ],
      },
      [],
    ],
    [
      'goes back as text where details are not taken',
      thought('Hm.', sealed('here', details)),
      { replayReasoning: true },
      { reasoning_content: 'Hm.' },
      [],
    ],
    [
      'with a state that was tampered with',
      thought('Hm.', sealed('here', 'not JSON')),
      { replayReasoningDetails: true },
      {},
      ['messages[0].content[0]'],
    ],
  ])('%s', (_, content, changed, extra, fields) => {
    expect(sent(Role.ASSISTANT, content, changed)).toEqual([{ role: 'assistant', content: 'So.', ...extra }]);
    expect(warned({ messages: [{ role: Role.ASSISTANT, content }] }, changed)).toEqual(fields);
  });

  it('alone is a message of its own only where it goes back', () => {
    const alone = thought('Hm.').slice(0, 1);
    expect(sent(Role.ASSISTANT, alone)).toEqual([]);
    expect(sent(Role.ASSISTANT, alone, { replayReasoning: true })).toEqual([
      { role: 'assistant', content: '', reasoning_content: 'Hm.' },
    ]);
  });

  it('is told of once, however often it is dropped', () => {
    const messages: Init['messages'] = [1, 2, 3].map(() => ({ role: Role.ASSISTANT, content: thought('Hm.') }));
    expect(warned({ messages })).toEqual(['messages[0].content[0]']);
  });

  it('a state that is of no use is told of', () => {
    const content: Parts = [{ part: { case: 'text', value: 'So.' }, ...sealed('here', {}) }];
    expect(warned({ messages: [{ role: Role.ASSISTANT, content }] })).toEqual([
      'messages[0].content[0].provider_state',
    ]);
  });
});
