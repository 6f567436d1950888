import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { ModelAbility as Ability } from '#gen/antiphon/v1/model_pb.js';
import type { ModelFacts } from '../../src/catalogue/facts.ts';
import { canMeet, demandOf, lazyDemand } from '../../src/routing/demand.ts';
import { assistant, type PartInit, type RequestInit, text, toolCall, toolResult, user } from '../support/requests.ts';
import { factsOf } from './routes.ts';

const requestOf = (init: RequestInit) => create(CompleteRequestSchema, { messages: [user(text('hello'))], ...init });
const media = (kind: 'image' | 'audio' | 'document'): PartInit => ({
  part: { case: kind, value: { source: { case: 'data', value: new Uint8Array([1]) } } },
});
const says = (...parts: PartInit[]): RequestInit => ({ messages: [user(...parts)] });
const schema: RequestInit = {
  responseFormat: { format: { case: 'jsonSchema', value: { name: 'a', schema: '{}' } } },
};

describe('demandOf', () => {
  it.each<[string, RequestInit, readonly Ability[]]>([
    ['text', {}, []],
    ['an image', says(text('a'), media('image')), [Ability.IMAGE_INPUT]],
    ['sound', says(media('audio')), [Ability.AUDIO_INPUT]],
    ['a document', says(media('document')), [Ability.DOCUMENT_INPUT]],
    [
      'an image that a tool gave',
      { messages: [assistant(toolCall('c')), { role: Role.TOOL, content: [toolResult('c', media('image'))] }] },
      [Ability.IMAGE_INPUT],
    ],
    ['tools', { tools: [{ name: 'f' }] }, [Ability.TOOLS]],
    ['a schema', schema, [Ability.JSON_SCHEMA]],
    ['an object', { responseFormat: { format: { case: 'jsonObject', value: {} } } }, []],
    [
      'several at once',
      { ...schema, ...says(media('image'), media('image')) },
      [Ability.IMAGE_INPUT, Ability.JSON_SCHEMA],
    ],
  ])('finds what %s needs', (_, init, abilities) => {
    expect([...demandOf(requestOf(init)).abilities]).toEqual(abilities);
  });

  it('expects the output that is asked for at most, else a usual one', () => {
    const { usage } = demandOf(requestOf({ ...says(text('a'.repeat(400))), maxTokens: 7 }));
    expect(usage).toMatchObject({ inputTokens: 100n, outputTokens: 7n, totalTokens: 107n });
    expect(demandOf(requestOf({})).usage.outputTokens).toBe(500n);
  });

  it('is read once, and not before it is asked for', () => {
    const request = requestOf({});
    const demand = lazyDemand(request);
    request.maxTokens = 9;
    expect(demand().usage.outputTokens).toBe(9n);
    expect(demand()).toBe(demand());
  });
});

describe('canMeet', () => {
  const image = demandOf(requestOf(says(media('image'))));
  const long = demandOf(requestOf(says(text('a'.repeat(4_000)))));
  const can = (...abilities: Ability[]) => factsOf({ abilities });

  it.each<[string, ModelFacts | undefined, boolean]>([
    ['nothing known of it', undefined, true],
    ['no abilities known', can(), true],
    ['it', can(Ability.TOOLS, Ability.IMAGE_INPUT), true],
    ['another ability', can(Ability.TOOLS), false],
  ])('asks a model with %s', (_, facts, expected) => {
    expect(canMeet(facts, image)).toBe(expected);
  });

  it.each<[Partial<ModelFacts>, boolean]>([
    [{}, true],
    [{ maxInputTokens: 1_000 }, true],
    [{ maxInputTokens: 999 }, false],
    [{ contextWindowTokens: 1_000 }, true],
    [{ contextWindowTokens: 999 }, false],
    [{ maxInputTokens: 1_000, contextWindowTokens: 999 }, true],
  ])('holds 1,000 tokens against %j: %j', (limits, expected) => {
    expect(canMeet(factsOf(limits), long)).toBe(expected);
  });
});
