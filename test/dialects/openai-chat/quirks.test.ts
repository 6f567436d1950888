import { describe, expect, it } from 'vitest';
import { ReasoningEffort, Role, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import type { OpenAiChatQuirks } from '../../../src/dialects/openai-chat/quirks.ts';
import { added, type Init, refusal, sent, text, warned, wire } from './send.ts';

it('names the model as the wire has it', () => {
  expect(wire({}, { wireModel: (model) => `gpt://f/${model}` }).body.model).toBe('gpt://f/m');
});

describe('reasoning as an object', () => {
  const asObject = { reasoningField: 'reasoning' } as const;
  const effort = (value: ReasoningEffort): Init => ({ reasoning: { amount: { case: 'effort', value } } });

  it.each<[string, Init, object]>([
    ['an effort', effort(ReasoningEffort.LOW), { reasoning: { effort: 'low' } }],
    ['none', effort(ReasoningEffort.NONE), { reasoning: { effort: 'none' } }],
    ['a budget', { reasoning: { amount: { case: 'budgetTokens', value: 99 } } }, { reasoning: { max_tokens: 99 } }],
    ['nothing asked', {}, {}],
  ])('%s', (_, init, expected) => {
    expect(added(init, asObject)).toEqual(expected);
    expect(warned(init, asObject)).toEqual([]);
  });
});

describe('temperature', () => {
  it.each<[number, number | undefined, number, string[]]>([
    [2, undefined, 2, []],
    [1, 1, 1, []],
    [1.5, 1, 1, ['temperature']],
    [0, 1, 0, []],
  ])('%d where the highest is %d', (temperature, highest, expected, fields) => {
    const quirks = highest === undefined ? {} : { maxTemperature: highest };
    expect(added({ temperature }, quirks)).toEqual({ temperature: expected });
    expect(warned({ temperature }, quirks)).toEqual(fields);
  });
});

describe('a forced tool', () => {
  const tools = [{ name: 'f' }];
  const mode = (value: ToolChoiceMode): Init => ({ tools, toolChoice: { choice: { case: 'mode', value } } });
  const byName: Init = { tools, toolChoice: { choice: { case: 'name', value: 'f' } } };
  const named = { type: 'function', function: { name: 'f' } };

  it.each<[string, Init, OpenAiChatQuirks['requiredTool'], unknown, string[]]>([
    ['required', mode(ToolChoiceMode.REQUIRED), 'required', 'required', []],
    ['by another word', mode(ToolChoiceMode.REQUIRED), 'any', 'any', []],
    ['not possible', mode(ToolChoiceMode.REQUIRED), 'none', 'auto', ['tool_choice']],
    ['by name', byName, 'any', named, []],
    ['not possible by name', byName, 'none', 'auto', ['tool_choice']],
    ['not wanted', mode(ToolChoiceMode.NONE), 'none', 'none', []],
    ['left open', mode(ToolChoiceMode.AUTO), 'none', 'auto', []],
  ])('%s', (_, init, requiredTool = 'required', expected, fields) => {
    expect(added(init, { requiredTool }).tool_choice).toEqual(expected);
    expect(warned(init, { requiredTool })).toEqual(fields);
  });
});

describe('media', () => {
  const data = { case: 'data', value: new Uint8Array([1]) } as const;
  const url = { case: 'url', value: 'https://example.com/a.pdf' } as const;
  const audio = (mediaType: string, audioFormats?: string[]) =>
    sent(
      Role.USER,
      [{ part: { case: 'audio', value: { source: data, mediaType } } }],
      audioFormats ? { audioFormats } : {},
    );
  const document = (source: typeof data | typeof url, documents?: 'data' | 'data_or_url' | 'none') =>
    sent(
      Role.USER,
      [{ part: { case: 'document', value: { source, mediaType: 'application/pdf' } } }],
      documents ? { documents } : {},
    );

  it.each([
    ['audio/flac', 'flac'],
    ['audio/ogg; codecs=opus', 'ogg'],
    ['audio/x-m4a', 'm4a'],
    ['audio/x-aiff', 'aiff'],
    ['audio/aac', 'aac'],
  ])('%s where it is taken', (mediaType, format) => {
    expect(audio(mediaType, [format])).toEqual([
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AQ==', format } }] },
    ]);
    expect(refusal(() => audio(mediaType))).toEqual(['model_lacks_ability', ['messages[0].content[0].audio']]);
  });

  it('sound that is not taken is refused in words that say what is', () => {
    expect(() => audio('audio/flac')).toThrow('must be WAV or MP3');
    expect(() => audio('audio/wav', ['flac'])).toThrow('must be FLAC:');
    expect(() => audio('audio/wav', [])).toThrow('takes no sound');
  });

  it('documents by URL, or not at all', () => {
    const file = (file_data: string) => [
      { role: 'user', content: [{ type: 'file', file: { file_data, filename: 'document.pdf' } }] },
    ];
    expect(document(url, 'data_or_url')).toEqual(file(url.value));
    expect(document(data, 'data_or_url')).toEqual(file('data:application/pdf;base64,AQ=='));
    for (const act of [() => document(url), () => document(data, 'none')])
      expect(refusal(act)).toEqual(['model_lacks_ability', ['messages[0].content[0].document']]);
  });
});

it('sends a refusal as text where it is known in no other form', () => {
  const content = [{ part: { case: 'refusal', value: 'No.\ud800' } }] as const;
  expect(sent(Role.ASSISTANT, [...content], { refusalsAsText: true })).toEqual([
    { role: 'assistant', content: 'No.\ufffd' },
  ]);
  const init: Init = { messages: [{ role: Role.ASSISTANT, content: [...content, text('a')] }] };
  expect(warned(init, { refusalsAsText: true })).toEqual(['messages[0].content[0]']);
  expect(warned(init)).toEqual([]);
});

it('refuses more options where there are more fields of its own', () => {
  const init: Init = { providerOptions: { here: { trace: {}, reasoning: { effort: 'low' } } } };
  expect(refusal(() => wire(init, { alsoOwned: ['trace', 'reasoning.effort'] }))).toEqual([
    'invalid_request',
    ['provider_options["here"].trace', 'provider_options["here"].reasoning.effort'],
  ]);
  expect(added(init)).toEqual({ trace: {}, reasoning: { effort: 'low' } });
});
