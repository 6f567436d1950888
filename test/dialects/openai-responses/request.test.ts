import { describe, expect, it } from 'vitest';
import { ReasoningEffort } from '#gen/antiphon/v1/completion_pb.js';
import { owned } from '../../../src/dialects/openai-responses/owned.ts';
import type { OpenAiResponsesQuirks } from '../../../src/dialects/openai-responses/quirks.ts';
import { added, type Init, refusal, warned, wire } from './send.ts';

const effort = (value: ReasoningEffort): Init => ({ reasoning: { amount: { case: 'effort', value } } });

it('stores nothing, and has reasoning sealed where there is any', () => {
  expect(wire({}).body).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] });
  expect(wire({}, { reasons: false }).body).not.toHaveProperty('include');
});

describe('a field of its own', () => {
  it.each<[string, Init, object]>([
    ['no more than is asked for', {}, {}],
    ['max_tokens of 16', { maxTokens: 16 }, { max_output_tokens: 16 }],
    ['max_tokens of less', { maxTokens: 15 }, { max_output_tokens: 16 }],
    ['an effort', effort(ReasoningEffort.HIGH), { reasoning: { effort: 'high', summary: 'auto' } }],
    ['no effort', effort(ReasoningEffort.NONE), { reasoning: { effort: 'none' } }],
    [
      'a budget',
      { reasoning: { amount: { case: 'budgetTokens', value: 8192 } } },
      { reasoning: { effort: 'medium', summary: 'auto' } },
    ],
    ['a cache key', { promptCacheKey: 'k' }, { prompt_cache_key: 'k' }],
    ['plain text', { responseFormat: { format: { case: 'text', value: {} } } }, {}],
    ['a tool choice without tools', { toolChoice: { choice: { case: 'name', value: 'x' } } }, {}],
  ])('has %s', (_, init, expected) => expect(added(init)).toEqual(expected));

  it('asks for a stream without padding', () => {
    expect(added({}, {}, true)).toEqual({ stream: true, stream_options: { include_obfuscation: false } });
  });
});

describe('temperature and top_p', () => {
  const asked = { temperature: 0, topP: 0.5 };
  const taken = { temperature: 0, top_p: 0.5 };
  const none = effort(ReasoningEffort.NONE);

  it.each<[OpenAiResponsesQuirks['sampling'], Init, object]>([
    ['always', {}, taken],
    ['effort_none', {}, {}],
    ['effort_none', none, taken],
    ['never', none, {}],
  ])('are taken %s: %j', (sampling, init, expected) => {
    const { reasoning: _, ...rest } = added({ ...asked, ...init }, { sampling });
    expect(rest).toEqual(expected);
    expect(warned({ ...asked, ...init }, { sampling })).toEqual(
      expected === taken ? [] : expect.arrayContaining(['temperature', 'top_p']),
    );
  });
});

describe('a warning', () => {
  it.each<[Init, Partial<OpenAiResponsesQuirks>, string[]]>([
    [{ stop: ['a'], topK: 2 }, {}, ['stop', 'top_k']],
    [{ maxTokens: 15 }, {}, ['max_tokens']],
    [{ maxTokens: 16 }, {}, []],
    [effort(ReasoningEffort.LOW), {}, []],
    [effort(ReasoningEffort.LOW), { efforts: ['high'] }, ['reasoning.effort']],
    [effort(ReasoningEffort.LOW), { efforts: [] }, ['reasoning']],
    [{ reasoning: { amount: { case: 'budgetTokens', value: 1 } } }, {}, ['reasoning.budget_tokens']],
  ])('says what was changed: %j %j', (init, changed, fields) => expect(warned(init, changed)).toEqual(fields));
});

it('says that a seed was not sent', () => expect(warned({ seed: 0n })).toEqual(['seed']));

describe('options', () => {
  it.each([...owned])('may not set %s', (path) => {
    const [outer = '', inner] = path.split('.');
    const options = { [outer]: inner ? { [inner]: 1 } : 1 };
    const act = () => wire({ providerOptions: { here: options } });
    expect(refusal(act)).toEqual(['invalid_request', [`provider_options["here"].${path}`]]);
  });

  it('may change what the contract has no place for', () => {
    const options = { store: true, reasoning: { summary: 'concise' }, text: { verbosity: 'low' } };
    expect(wire({ ...effort(ReasoningEffort.LOW), providerOptions: { here: options, there: { x: 1 } } }).body).toEqual({
      ...wire({}).body,
      store: true,
      reasoning: { effort: 'low', summary: 'concise' },
      text: { verbosity: 'low' },
    });
  });
});

it('refuses a schema that is not JSON', () => {
  const format: Init = { responseFormat: { format: { case: 'jsonSchema', value: { name: 'n', schema: 'x' } } } };
  expect(refusal(() => wire(format))).toEqual(['invalid_request', ['response_format.json_schema.schema']]);
  const tools: Init = { tools: [{ name: 'n', parameters: '[]' }] };
  expect(refusal(() => wire(tools))).toEqual(['invalid_request', ['tools[0].parameters']]);
});
