import { describe, expect, it } from 'vitest';
import { Role } from '#gen/antiphon/v1/completion_pb.js';
import { type Init, type Parts, wire } from './send.ts';

type Part = Parts[number];

const marked = { cacheMark: 'cache_control' } as const;
const text = (value: string, seconds?: number | null, nanos = 0): Part => ({
  part: { case: 'text', value },
  ...(seconds === undefined
    ? {}
    : { promptCache: seconds === null ? {} : { ttl: { seconds: BigInt(seconds), nanos } } }),
});
const user = (...content: Part[]): Init => ({ messages: [{ role: Role.USER, content }] });

/** The `cache_control` of each part of the first message. */
const marks = (init: Init) => {
  const [message] = (wire(init, marked).body.messages ?? []) as { content: { cache_control?: unknown }[] | string }[];
  const { content = '' } = message ?? {};
  return typeof content === 'string' ? content : content.map((part) => part.cache_control);
};

const warned = (init: Init) => wire(init, marked).warnings.map(({ field }) => field);

describe('how long', () => {
  it.each<[number | null, string | undefined, boolean]>([
    [null, undefined, false],
    [1, '5m', true],
    [300, '5m', false],
    [1_949, '5m', true],
    [1_950, '1h', true],
    [3_600, '1h', false],
    [86_400, '1h', true],
  ])('%j seconds', (seconds, ttl, adjusted) => {
    expect(marks(user(text('a', seconds)))).toEqual([{ type: 'ephemeral', ...(ttl ? { ttl } : {}) }]);
    expect(warned(user(text('a', seconds)))).toEqual(adjusted ? ['messages[0].content[0].prompt_cache.ttl'] : []);
  });

  it('is told of also where only a fraction of a second is lost', () => {
    expect(warned(user(text('a', 300, 1)))).toHaveLength(1);
  });
});

describe('which', () => {
  it('are the last four, and a warning says so', () => {
    const six = user(...['a', 'b', 'c', 'd', 'e', 'f'].map((value) => text(value, null)));
    const mark = { type: 'ephemeral' };
    expect(marks(six)).toEqual([undefined, undefined, mark, mark, mark, mark]);
    expect(warned(six)).toEqual(['messages[0].content[0].prompt_cache']);
  });

  it('are of text only', () => {
    const image: Part = {
      part: { case: 'image', value: { source: { case: 'url', value: 'https://example.com/a.png' } } },
      promptCache: {},
    };
    expect(marks(user(text('a'), image))).toEqual([undefined, undefined]);
    expect(warned(user(text('a'), image))).toEqual(['messages[0].content[1].prompt_cache']);
  });

  it('of a tool’s result is its last text', () => {
    const result: Part = {
      part: { case: 'toolResult', value: { toolCallId: 'a', content: [text('x', 300), text('y', null)] } },
      promptCache: { ttl: { seconds: 3_600n } },
    };
    const call: Part = { part: { case: 'toolCall', value: { id: 'a', name: 'f', arguments: '{}' } } };
    const messages = [
      { role: Role.ASSISTANT, content: [call] },
      { role: Role.TOOL, content: [result] },
    ];
    expect(wire({ messages }, marked).body.messages).toMatchObject([
      { role: 'assistant' },
      {
        role: 'tool',
        content: [
          { text: 'x', cache_control: { type: 'ephemeral', ttl: '5m' } },
          { text: 'y', cache_control: { type: 'ephemeral', ttl: '1h' } },
        ],
      },
    ]);
  });

  it('of a tool’s result and of its last text count as one', () => {
    const result: Part = {
      part: { case: 'toolResult', value: { toolCallId: 'a', content: [text('y', null)] } },
      promptCache: {},
    };
    const call: Part = { part: { case: 'toolCall', value: { id: 'a', name: 'f', arguments: '{}' } } };
    const messages = [
      { role: Role.USER, content: [text('a', null), text('b', null), text('c', null)] },
      { role: Role.ASSISTANT, content: [call] },
      { role: Role.TOOL, content: [result] },
    ];
    expect(wire({ messages }, marked).warnings).toEqual([]);
    expect(marks({ messages })).toHaveLength(3);
    expect(marks({ messages })).not.toContain(undefined);
  });

  it('stays on the words of a tool that failed', () => {
    const result: Part = {
      part: { case: 'toolResult', value: { toolCallId: 'a', content: [text('x')], isError: true } },
      promptCache: {},
    };
    const call: Part = { part: { case: 'toolCall', value: { id: 'a', name: 'f', arguments: '{}' } } };
    const messages = [
      { role: Role.ASSISTANT, content: [call] },
      { role: Role.TOOL, content: [result] },
    ];
    expect(wire({ messages }, marked).body.messages).toMatchObject([
      {},
      { content: [{ text: 'Error: x', cache_control: { type: 'ephemeral' } }] },
    ]);
  });

  it('are none where the place knows none, without a warning', () => {
    const { body, warnings } = wire(user(text('a', 300)));
    expect(body.messages).toEqual([{ role: 'user', content: 'a' }]);
    expect(warnings).toEqual([]);
  });
});

describe('breakpoints', () => {
  const breakpoints = { cacheMark: 'prompt_cache_breakpoint' } as const;
  const media = (kind: 'image' | 'audio' | 'document', mediaType: string): Part => ({
    part: { case: kind, value: { source: { case: 'data', value: new Uint8Array([1]) }, mediaType } },
    promptCache: {},
  });

  it('stand on text and media', () => {
    const parts = [text('a', 43_200), media('image', 'image/png'), media('audio', 'audio/wav'), media('document', '')];
    const { body, warnings } = wire(user(...parts), breakpoints);
    const mark = { prompt_cache_breakpoint: { mode: 'explicit' } };
    expect(body.messages).toMatchObject([
      { content: [{ prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' } }, mark, mark, mark] },
    ]);
    expect(warnings).toEqual([]);
  });

  it('stand on what the model said, but not on its calls, reasoning and refusals', () => {
    const promptCache = {};
    const content: Part[] = [
      text('a', null),
      { part: { case: 'refusal', value: 'b' }, promptCache },
      { part: { case: 'reasoning', value: { text: 'c' } }, promptCache },
      { part: { case: 'toolCall', value: { id: '1', name: 'f', arguments: '{}' } }, promptCache },
    ];
    const { body, warnings } = wire({ messages: [{ role: Role.ASSISTANT, content }] }, breakpoints);
    expect(JSON.stringify(body).match(/prompt_cache_breakpoint/g)).toHaveLength(1);
    expect(warnings.map(({ field }) => field)).toContain('messages[0].content[1].prompt_cache');
  });

  it('of a tool’s result are on its last part, also where that is sent after the results', () => {
    const call: Part = { part: { case: 'toolCall', value: { id: 'a', name: 'f' } } };
    const result = (...content: Part[]): Part => ({
      part: { case: 'toolResult', value: { toolCallId: 'a', content } },
      promptCache: {},
    });
    const messages = (...content: Part[]) => [
      { role: Role.ASSISTANT, content: [call] },
      { role: Role.TOOL, content: [result(...content)] },
    ];
    const { part } = media('image', 'image/png');
    if (!part) throw new Error('unreachable');
    expect(wire({ messages: messages(text('x'), { part }) }, breakpoints).body.messages).toMatchObject([
      { role: 'assistant' },
      { role: 'tool', content: 'x' },
      {
        role: 'user',
        content: [{ type: 'text' }, { type: 'image_url', prompt_cache_breakpoint: { mode: 'explicit' } }],
      },
    ]);
    expect(wire({ messages: messages() }, breakpoints).warnings.map(({ field }) => field)).toEqual([
      'messages[1].content[0].prompt_cache',
    ]);
  });

  it('are the last eighty', () => {
    const { body, warnings } = wire(user(...Array.from({ length: 81 }, () => text('a', null))), breakpoints);
    expect(JSON.stringify(body).match(/prompt_cache_breakpoint/g)).toHaveLength(80);
    expect(warnings.map(({ field }) => field)).toEqual(['messages[0].content[0].prompt_cache']);
  });
});
