import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { yandexFoundation } from '../../../src/dialects/yandex-foundation.ts';

type Init = MessageInitShape<typeof CompleteRequestSchema>;
type Content = NonNullable<NonNullable<Init['messages']>[number]['content']>;

const native = yandexFoundation({ uri: (model) => `gpt://f/${model}`, short: (uri) => uri });

const wire = (init: Init, stream = false) =>
  native.toWire(create(CompleteRequestSchema, init as Init), { provider: 'here', model: 'm' }, stream);

const messages = (role: Role, content: Content) => wire({ messages: [{ role, content }] }).body.messages;
const text = (value: string): Content[number] => ({ part: { case: 'text', value } });

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return [thrown.kind, thrown.facts.violations?.map(({ field }) => field)];
  }
  return undefined;
};

it('asks for a stream in its options', () => {
  expect(wire({}, true)).toEqual({
    path: '/completion',
    body: { modelUri: 'gpt://f/m', completionOptions: { stream: true }, messages: [] },
    warnings: [],
  });
  expect(wire({}).body.completionOptions).toEqual({ stream: false });
});

describe('messages', () => {
  it('have whole characters', () => {
    expect(messages(Role.USER, [text('a\ud800')])).toEqual([{ role: 'user', text: 'a\ufffd' }]);
    expect(messages(Role.SYSTEM, [text('\udc00'), text('b')])).toEqual([{ role: 'system', text: '\ufffd\nb' }]);
    expect(messages(Role.ASSISTANT, [text('\ud800')])).toEqual([{ role: 'assistant', text: '\ufffd' }]);
  });

  const media = { source: { case: 'data', value: new Uint8Array([1]) }, mediaType: 'image/png' } as const;

  it.each(['image', 'audio', 'document'] as const)('take no %s', (kind) => {
    const content: Content = [text('a'), { part: { case: kind, value: media } }];
    expect(refusal(() => messages(Role.USER, content))).toEqual([
      'model_lacks_ability',
      [`messages[0].content[1].${kind}`],
    ]);
  });

  it('take no media from a tool either', () => {
    const call: Content = [{ part: { case: 'toolCall', value: { id: 'a', name: 'draw', arguments: '{}' } } }];
    const result: Content = [
      {
        part: { case: 'toolResult', value: { toolCallId: 'a', content: [{ part: { case: 'image', value: media } }] } },
      },
    ];
    const init: Init = {
      messages: [
        { role: Role.ASSISTANT, content: call },
        { role: Role.TOOL, content: result },
      ],
    };
    expect(refusal(() => wire(init))).toEqual([
      'model_lacks_ability',
      ['messages[1].content[0].tool_result.content[0].image'],
    ]);
  });

  it.each<[Role, Content[number]]>([
    [Role.USER, { part: { case: 'refusal', value: 'No.' } }],
    [Role.ASSISTANT, { part: { case: 'image', value: media } }],
    [Role.USER, { part: { case: undefined } }],
  ])('of role %i refuse what they may not have', (role, part) => {
    expect(refusal(() => messages(role, [part]))?.[0]).toBe('invalid_request');
  });
});

describe('options', () => {
  const options = (here: JsonObject) => ({ providerOptions: { here } });

  it.each(['modelUri', 'completionOptions', 'messages', 'tools', 'toolChoice', 'jsonSchema'])(
    'may not set %s',
    (field) => {
      expect(refusal(() => wire(options({ [field]: {} })))).toEqual([
        'invalid_request',
        [`provider_options["here"].${field}`],
      ]);
    },
  );

  it('may set the rest', () => expect(wire(options({ more: 1 })).body.more).toBe(1));
});

it('refuses a schema that is none', () => {
  const format = { case: 'jsonSchema', value: { name: 'n', schema: '[' } } as const;
  expect(refusal(() => wire({ responseFormat: { format } }))).toEqual([
    'invalid_request',
    ['response_format.json_schema.schema'],
  ]);
  expect(refusal(() => wire({ tools: [{ name: 't', parameters: '7' }] }))?.[1]).toEqual(['tools[0].parameters']);
});

it.each<[string, string, boolean]>([
  ['says nothing of JSON', 'Name a town.', true],
  ['speaks of it', 'Name a town, as json.', false],
])('an instruction is added to a conversation that %s', (_, said, isAdded) => {
  const responseFormat: Init['responseFormat'] = { format: { case: 'jsonObject', value: {} } };
  const { body, warnings } = wire({ messages: [{ role: Role.USER, content: [text(said)] }], responseFormat } as Init);
  const instruction = { role: 'system', text: 'Answer with one JSON object and nothing else.' };
  expect(body.messages).toEqual([...(isAdded ? [instruction] : []), { role: 'user', text: said }]);
  expect(warnings.map(({ field }) => field)).toEqual(isAdded ? ['response_format.json_object'] : []);
});
