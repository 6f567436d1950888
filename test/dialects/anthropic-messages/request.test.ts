import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';
import {
  added,
  assistant,
  call,
  type Init,
  type Messages,
  type Parts,
  type Quirks,
  refusal,
  result,
  text,
  tool,
  user,
  warned,
  wire,
} from './send.ts';

const effort = (value: ReasoningEffort): Init => ({ reasoning: { amount: { case: 'effort', value } } });
const budget = (value: number): Init => ({ reasoning: { amount: { case: 'budgetTokens', value } } });
const { NONE, MINIMAL, LOW, HIGH, MAX } = ReasoningEffort;

describe('limits', () => {
  it.each<[string, Init, Quirks, JsonObject, string[]]>([
    ['nothing', {}, {}, {}, []],
    ['max_tokens', { maxTokens: 5 }, {}, { max_tokens: 5 }, []],
    ['too many tokens', { maxTokens: 20_001 }, {}, {}, ['max_tokens']],
    ['where the most is not known', { maxTokens: 21_000 }, { mostTokens: undefined }, { max_tokens: 21_000 }, []],
    ['stop', { stop: ['a\ud800', ' b '] }, {}, { stop_sequences: ['a\ufffd', ' b '] }, []],
    ['stop at white space', { stop: ['\n', 'a'] }, {}, { stop_sequences: ['a'] }, ['stop']],
    ['stop at nothing else', { stop: ['\n'] }, {}, {}, ['stop']],
    ['a seed', { seed: 0n }, {}, {}, ['seed']],
    ['a key for the cache', { promptCacheKey: 'k' }, {}, {}, []],
  ])('%s', (_, init, changed, body, fields) => {
    expect(added(init, changed)).toEqual(body);
    expect(warned(init, changed)).toEqual(fields);
  });
});

describe('streaming', () => {
  it.each<[string, boolean, number, boolean | undefined]>([
    ['is asked for', true, 5, true],
    ['is not asked for', false, 21_333, undefined],
    ['is needed for a long answer', false, 21_334, true],
  ])('%s', (_, stream, maxTokens, sent) => {
    expect(added({ maxTokens }, { mostTokens: undefined }, stream).stream).toBe(sent);
  });
});

describe('sampling', () => {
  const all: Init = { temperature: 0.5, topP: 0.5, topK: 5 };
  const thinking: Init = { ...all, ...effort(HIGH) } as Init;
  const sampled = ({ temperature, top_p, top_k }: JsonObject) => ({ temperature, top_p, top_k });

  it.each<[string, Init, Quirks, JsonObject, string[]]>([
    ['all', all, {}, { temperature: 0.5, top_p: 0.5, top_k: 5 }, []],
    ['zero', { temperature: 0 }, {}, { temperature: 0 }, []],
    ['too hot', { temperature: 1.5 }, {}, { temperature: 1 }, ['temperature']],
    ['one of two', all, { sampling: 'one' }, { temperature: 0.5, top_k: 5 }, ['top_p']],
    ['the only one of two', { topP: 0.5 }, { sampling: 'one' }, { top_p: 0.5 }, []],
    ['none', { ...all, temperature: 1.5 } as Init, { sampling: 'never' }, {}, ['temperature', 'top_p', 'top_k']],
    ['while it thinks', thinking, {}, {}, ['temperature', 'top_p', 'top_k']],
    [
      'nearly everything',
      { ...thinking, topP: 0.95 } as Init,
      { sampling: 'one' },
      { top_p: 0.95 },
      ['temperature', 'top_k'],
    ],
    ['nearly everything, never', { topP: 0.95 }, { sampling: 'never' }, {}, ['top_p']],
    ['without thinking', { ...all, ...effort(NONE) } as Init, {}, { temperature: 0.5, top_p: 0.5, top_k: 5 }, []],
  ])('%s', (_, init, changed, body, fields) => {
    expect(sampled(added(init, changed))).toEqual({
      temperature: undefined,
      top_p: undefined,
      top_k: undefined,
      ...body,
    });
    expect(warned(init, changed)).toEqual(fields);
  });
});

describe('thinking', () => {
  const adaptive = (word: string): JsonObject => ({ thinking: { type: 'adaptive' }, output_config: { effort: word } });
  const enabled = (tokens: number): JsonObject => ({ thinking: { type: 'enabled', budget_tokens: tokens } });
  const words: Quirks = { budget: false };
  const tokens: Quirks = { efforts: [] };
  const neither: Quirks = { budget: false, efforts: [] };

  it.each<[string, Init, Quirks, JsonObject, string[]]>([
    ['an effort', effort(HIGH), {}, adaptive('high'), []],
    ['the nearest effort', effort(MAX), {}, adaptive('high'), ['reasoning.effort']],
    ['no less than a little', effort(MINIMAL), {}, adaptive('low'), ['reasoning.effort']],
    ['a budget', budget(2_000), {}, enabled(2_000), []],
    ['a budget in words', budget(9_000), words, adaptive('high'), ['reasoning.budget_tokens']],
    ['an effort in tokens', effort(LOW), tokens, enabled(4_096), ['reasoning.effort']],
    ['half of what it may write', effort(MAX), tokens, enabled(10_000), ['reasoning.effort']],
    [
      'the least that there is',
      { ...effort(HIGH), maxTokens: 500 } as Init,
      tokens,
      { ...enabled(1_024), max_tokens: 1_524 },
      ['reasoning.effort', 'max_tokens'],
    ],
    ['too small a budget', budget(1), {}, enabled(1_024), ['reasoning.budget_tokens']],
    ['too large a budget', budget(50_000), {}, enabled(19_999), ['reasoning.budget_tokens']],
    [
      'room for the answer',
      { ...budget(2_000), maxTokens: 2_000 } as Init,
      {},
      { ...enabled(2_000), max_tokens: 4_000 },
      ['max_tokens'],
    ],
    ['what room there is', { ...budget(15_000), maxTokens: 9_000 } as Init, {}, enabled(15_000), ['max_tokens']],
    ['none', effort(NONE), {}, { thinking: { type: 'disabled' } }, []],
    ['none, of what only takes tokens', effort(NONE), tokens, { thinking: { type: 'disabled' } }, []],
    [
      'little, where none is not possible',
      effort(NONE),
      { withoutThinking: 'always' },
      adaptive('low'),
      ['reasoning.effort'],
    ],
    [
      'only between tools',
      effort(NONE),
      { withoutThinking: 'between_tools' },
      { thinking: { type: 'between_tools' } },
      ['reasoning.effort'],
    ],
    ['none, of what does not think', effort(NONE), neither, {}, []],
    ['an effort, of what does not think', effort(LOW), neither, {}, ['reasoning']],
    ['a budget, of what does not think', budget(2_000), neither, {}, ['reasoning']],
    ['nothing said', { reasoning: {} }, {}, {}, []],
  ])('%s', (_, init, changed, body, fields) => {
    expect(added(init, changed)).toEqual(body);
    expect(warned(init, changed)).toEqual(fields);
  });

  describe('after tool calls', () => {
    const state = (model: string) => ({ provider: 'here', model, data: Buffer.from('{"signature":"s"}') });
    const thought = (model: string): Parts[number] => ({
      part: { case: 'reasoning', value: { text: 'why' } },
      providerState: state(model),
    });
    const called = (...content: Parts): Messages => [
      user(text('a')),
      assistant(...content, call('x')),
      tool(result('x', [text('r')])),
    ];
    const asked = (messages: Messages, changed: Quirks) => {
      const { body, warnings } = wire({ messages, ...budget(2_000) } as Init, changed);
      return [body.thinking, warnings.map(({ field }) => field)];
    };
    const foreign = 'messages[1].content[0]';

    it.each<[string, Messages, Quirks, JsonObject | undefined, string[]]>([
      ['goes on thinking', called(thought('m')), tokens, enabled(2_000).thinking as JsonObject, []],
      ['does not begin it', called(text('b')), tokens, undefined, ['reasoning']],
      ["does not take up another model's", called(thought('other')), tokens, undefined, ['reasoning', foreign]],
      ['thinks by itself if it can', called(text('b')), {}, { type: 'adaptive' }, ['reasoning.budget_tokens']],
      [
        'takes no notice of earlier ones',
        [...called(), assistant(text('b')), user(text('c'))],
        tokens,
        enabled(2_000).thinking as JsonObject,
        [],
      ],
    ])('%s', (_, messages, changed, thinking, fields) => {
      expect(asked(messages, changed)).toEqual([thinking, fields]);
    });
  });

  it('does not go on from an answer that was begun', () => {
    const messages = [user(text('a')), assistant(text('b'))];
    expect(warned({ messages })).toEqual([]);
    expect(warned({ messages, ...effort(HIGH) } as Init)).toEqual(['messages']);
  });
});

describe('JSON', () => {
  const asked = (schema: string, description = ''): Init => ({
    responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', schema, description } } },
  });
  const named = '{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}';

  it('goes into its own field', () => {
    const init = { ...asked(named, 'An a.'), ...effort(LOW) } as Init;
    expect(added(init).output_config).toEqual({
      effort: 'low',
      format: { type: 'json_schema', schema: { ...JSON.parse(named), description: 'An a.' } },
    });
    expect(warned(init)).toEqual([]);
    expect(wire(init).unenforced).toBeUndefined();
  });

  it('is held against what cannot be enforced', () => {
    const schema = '{"type":"string","pattern":"a"}';
    expect(added(asked(schema)).output_config).toEqual({
      format: { type: 'json_schema', schema: { type: 'string', description: '(pattern: "a")' } },
    });
    expect(warned(asked(schema))).toEqual(['response_format.json_schema.schema']);
    expect(wire(asked(schema)).unenforced).toEqual(JSON.parse(schema));
  });

  it.each<[string, Init, Quirks]>([
    ['of any shape', { responseFormat: { format: { case: 'jsonObject', value: {} } } }, {}],
    ['for an older model', asked(named), { jsonSchema: false }],
    ['of a shape that cannot be enforced', asked('{"type":"object"}'), {}],
  ])('%s is asked for in words', (_, init, changed) => {
    const { body, unenforced } = wire(init, changed);
    expect(JSON.stringify(body.system)).toContain('JSON');
    expect(body.output_config).toBeUndefined();
    expect(unenforced).toBeDefined();
    expect(warned(init, changed)).toHaveLength(1);
  });

  it.each(['{', '[]', 'null'])('refuses %s as a schema', (schema) => {
    expect(refusal(() => wire(asked(schema)))).toEqual(['invalid_request', ['response_format.json_schema.schema']]);
  });

  it('is not asked for where text is', () => {
    expect(added({ responseFormat: { format: { case: 'text', value: {} } } })).toEqual({});
  });
});

describe('provider_options', () => {
  const options = (value: JsonObject, provider = 'here'): Init => ({ providerOptions: { [provider]: value } });

  it('are added for the provider called only', () => {
    const init = {
      ...options({ metadata: { user_id: 'u' }, thinking: { display: 'omitted' } }),
      ...effort(LOW),
    } as Init;
    expect(added(init)).toEqual({
      metadata: { user_id: 'u' },
      thinking: { type: 'adaptive', display: 'omitted' },
      output_config: { effort: 'low' },
    });
    expect(added(options({ metadata: {} }, 'there'))).toEqual({});
  });

  it('do not show thinking that is not asked for', () => {
    const init = options({ thinking: { display: 'omitted' } });
    expect(added(init)).toEqual({});
    expect(warned(init)).toEqual(['provider_options["here"].thinking']);
  });

  it.each([
    'model',
    'fallbacks',
    'messages',
    'system',
    'max_tokens',
    'stop_sequences',
    'stream',
    'temperature',
    'top_p',
    'top_k',
    'thinking.type',
    'thinking.budget_tokens',
    'tools',
    'tool_choice',
    'output_config.effort',
    'output_config.format',
    'output_format',
  ])('may not set %s', (path) => {
    const [key = '', inner] = path.split('.');
    expect(refusal(() => wire(options({ ok: 1, [key]: inner ? { [inner]: 'x' } : 'x' })))).toEqual([
      'invalid_request',
      [`provider_options["here"].${path}`],
    ]);
  });
});
