import { create, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { PromptCacheHintSchema } from '#gen/antiphon/v1/completion_pb.js';
import { duration } from '../../../src/core/duration.ts';
import {
  assistant,
  call,
  type Init,
  type Messages,
  type Parts,
  result,
  system,
  text,
  tool,
  user,
  warned,
  wire,
} from './send.ts';

const hint = (part: Parts[number], seconds?: number): Parts[number] => ({
  ...part,
  promptCache: create(PromptCacheHintSchema, seconds === undefined ? {} : { ttl: duration(seconds * 1000) }),
});

/** The marks of all blocks, in the order of the wire. */
const marks = (messages: Messages, more: Init = {}): string[] => {
  const { system: top = [], messages: rest = [] } = wire({ messages, ...more } as Init).body;
  const blocks = [top, ...(rest as { content: JsonObject[] }[]).map(({ content }) => content)].flat() as JsonObject[];
  return blocks.map(({ cache_control: mark }) => (mark ? ((mark as JsonObject).ttl ?? 'yes') : '-').toString());
};

describe('marks for the cache', () => {
  it('stand on the block of their part', () => {
    const messages = [
      system(hint(text('a'))),
      user(text('b'), hint(text('c'))),
      assistant(hint(call('x'))),
      tool(hint(result('x', [text('r')]))),
      user(text('d')),
    ];
    expect(marks(messages)).toEqual(['yes', '-', 'yes', 'yes', 'yes', '-']);
    expect(warned({ messages })).toEqual([]);
  });

  it.each<[number, string, string[]]>([
    [300, '5m', []],
    [3_600, '1h', []],
    [1, '5m', ['messages[0].content[0].prompt_cache.ttl']],
    [1_949, '5m', ['messages[0].content[0].prompt_cache.ttl']],
    [1_950, '1h', ['messages[0].content[0].prompt_cache.ttl']],
    [86_400, '1h', ['messages[0].content[0].prompt_cache.ttl']],
  ])('for %i seconds are for %s', (seconds, ttl, fields) => {
    const messages = [user(hint(text('a'), seconds))];
    expect(marks(messages)).toEqual([ttl]);
    expect(warned({ messages })).toEqual(fields);
  });

  const five = [user(...['a', 'b', 'c', 'd', 'e'].map((one) => hint(text(one))))];

  it('are four at most, the last ones', () => {
    expect(marks(five)).toEqual(['-', 'yes', 'yes', 'yes', 'yes']);
    expect(warned({ messages: five })).toEqual(['messages[0].content[0].prompt_cache']);
  });

  it('leave room for the one on the whole body', () => {
    const more: Init = { providerOptions: { here: { cache_control: { type: 'ephemeral' } } } };
    expect(marks(five, more)).toEqual(['-', '-', 'yes', 'yes', 'yes']);
  });

  it('are not shorter than one that comes after', () => {
    const messages = [user(hint(text('a')), hint(text('b'), 3_600), hint(text('c'), 300))];
    expect(marks(messages)).toEqual(['1h', '1h', '5m']);
    expect(warned({ messages })).toEqual(['messages[0].content[0].prompt_cache']);
  });

  it('do not count if they are not sent', () => {
    const messages = [user(hint(text('a'), 3_600), hint(text('')), ...(five[0]?.content ?? []))];
    expect(marks(messages)).toEqual(['-', '-', 'yes', 'yes', 'yes', 'yes']);
    expect(warned({ messages: [user(text('a'), hint(text('')))] })).toEqual(['messages[0].content[1].prompt_cache']);
  });

  it('within a result are for all of it', () => {
    const messages = [user(text('a')), assistant(call('x')), tool(result('x', [hint(text('r'), 300), text('s')]))];
    expect(marks(messages)).toEqual(['-', '-', '5m']);
    expect(warned({ messages })).toEqual(['messages[2].content[0].tool_result.content[0].prompt_cache']);
  });

  it('do not stand on thinking', () => {
    const messages = [
      user(text('a')),
      assistant(hint({ part: { case: 'reasoning', value: { text: 'hm' } } }), text('b')),
      user(text('c')),
    ];
    expect(marks(messages)).toEqual(['-', '-', '-']);
    expect(warned({ messages })).toContain('messages[1].content[0].prompt_cache');
  });
});
