import { describe, expect, it } from 'vitest';
import { data, ENDING, eventsOf, listen, piece, play } from './upstream-events.ts';
import { setScene } from './upstream-scene.ts';

describe('halves of characters', () => {
  const half = (delta: (text: string) => unknown, ...escapes: string[]) =>
    escapes.map((escaped) => piece(delta('@')).replace('@', escaped)).join('');

  it.each([
    ['a pair cut in two', ['\\ud83d', '\\ude00'], '😀'],
    ['two pairs cut in two', ['a\\ud83d', '\\ude00\\ud83d', '\\ude01b'], 'a😀😁b'],
    ['a pair with an empty delta between', ['\\ud83d', '', '\\ude00'], '😀'],
    ['a first half alone', ['a\\ud83d', 'b'], 'a\ufffdb'],
    ['a second half alone', ['a', '\\ude00b'], 'a\ufffdb'],
    ['a first half at the very end', ['a', '\\ud83d'], 'a\ufffd'],
    ['two first halves', ['\\ud83d', '\\ud83d', '\\ude00'], '\ufffd😀'],
    ['halves in the wrong order', ['\\ude00', '\\ud83d', 'a'], '\ufffd\ufffda'],
  ])('row 11: %s', async (_, escapes, text) => {
    const events = await eventsOf(
      half((content) => ({ content }), ...escapes),
      ENDING,
    );
    expect(events.slice(1, -1).join('')).toBe(text);
    for (const event of events) expect(String(event).isWellFormed()).toBe(true);
    const tool = (args: string) => ({
      tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: args } }],
    });
    const calls = await eventsOf(half(tool, '{\\"a\\":\\"', ...escapes, '\\"}'), ENDING);
    expect(calls.map((event) => (Array.isArray(event) ? event[2] : '')).join('')).toBe(`{"a":"${text}"}`);
  });

  it('row 11: a pair whose halves are not next to each other is no pair', async () => {
    const events = await eventsOf(
      half((content) => ({ content }), 'a\\ud83d'),
      half((reasoning) => ({ reasoning }), '\\ude00'),
      half((content) => ({ content }), 'b'),
      ENDING,
    );
    expect(events).toEqual(['start', 'a', 'reasoningDelta', '\ufffdb', 'completed']);
  });

  it('row 11: names, ids and the rest of what an answer carries are whole characters too', async () => {
    const odd = { id: '@', model: '@', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: '@' }] };
    const scene = await setScene((line) => play(line, [Buffer.from(data(odd).replaceAll('@', 'x\\ud83d'))]));
    const completed = (await listen(scene)).at(-1)?.event;
    expect(completed?.value).toMatchObject({ providerModel: 'x\ufffd', providerResponseId: 'x\ufffd' });
  });
});
