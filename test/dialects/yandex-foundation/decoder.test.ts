import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { FoundationDecoder } from '../../../src/dialects/yandex-foundation/decoder.ts';
import { asStream, type Heard } from '../../support/fixtures.ts';

function hear(feed: (decoder: FoundationDecoder) => void): Heard {
  const deltas: Delta[] = [];
  const decoder = new FoundationDecoder((delta) => deltas.push(delta), 'yandexgpt');
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

const stream = (...lines: unknown[]): Heard =>
  hear((decoder) => {
    for (const line of lines) decoder.push({ event: '', data: JSON.stringify(line) });
  });

const body = (value: unknown): Heard => hear((decoder) => decoder.chunk(value));

const line = (message: object, status = 'PARTIAL', more: object = {}) => ({
  result: { alternatives: [{ message, status: `ALTERNATIVE_STATUS_${status}` }], ...more },
});

const said = (...texts: string[]): Heard =>
  stream(...texts.map((text, i) => line({ text }, i === texts.length - 1 ? 'FINAL' : 'PARTIAL')));

/** The deltas in short: text as it is, the rest with a mark. */
const short = ({ deltas }: Heard): string[] =>
  deltas.map(({ case: kind, value }) => {
    if (kind === 'textDelta') return value.text;
    if (kind === 'refusalDelta') return `!${value.text}`;
    if (kind === 'toolCallDelta') return `${value.index}:${value.id}:${value.name}:${value.argumentsDelta}`;
    return kind;
  });

const kindOf = (act: () => unknown): string => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown.kind;
    throw thrown;
  }
  return 'none';
};

describe('the text so far', () => {
  const [high, low] = ['\ud83d', '\ude00'];

  it.each<[string, string[], string[]]>([
    ['only its tail is passed on', ['a', 'ab', 'ab', 'abc'], ['a', 'b', 'c']],
    ['nothing is said twice', ['abc', 'abc'], ['abc']],
    ['empty lines say nothing', ['', 'a', 'a'], ['a']],
    ['a pair of surrogates waits', [`a${high}`, `a${high}${low}b`], ['a', '😀b']],
    ['a half without a partner', [`a${high}`, `a${high}`], ['a', '\ufffd']],
    ['bytes that are not all there', ['a\ufffd', 'a\ufffd\ufffd', 'a😀'], ['a', '😀']],
    ['U+FFFD at the end stays', ['a', 'a\ufffd'], ['a', '\ufffd']],
    ['U+FFFD in between stays', ['a\ufffdb', 'a\ufffdbc'], ['a\ufffdb', 'c']],
  ])('%s', (_, texts, expected) => expect(short(said(...texts))).toEqual(expected));

  it('comes out whole, however it grew', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(40)), (text, places) => {
      const lengths = [...places.filter((at) => at < text.length).sort((a, b) => a - b), text.length];
      const heard = said(...lengths.map((length) => text.slice(0, length)));
      expect(short(heard).join('')).toBe(text);
      for (const piece of short(heard)) expect(piece.isWellFormed()).toBe(true);
    });
    fc.assert(property);
  });

  it.each<[string, string[]]>([
    ['changed', ['ab', 'ac']],
    ['shortened', ['ab', 'a']],
  ])('that is %s is an error, since the caller has it', (_, texts) => {
    expect(kindOf(() => said(...texts))).toBe('upstream_bad_response');
  });

  it('that a filter puts in its place is a refusal', () => {
    const heard = stream(line({ text: 'ab' }), line({ text: 'No.' }, 'CONTENT_FILTER'));
    expect(short(heard)).toEqual(['ab', '!No.']);
    expect(short(stream(line({ text: 'ab' }), line({ text: 'ab' }, 'CONTENT_FILTER')))).toEqual(['ab']);
    expect(short(stream(line({ text: 'ab' }), line({}, 'CONTENT_FILTER')))).toEqual(['ab']);
  });
});

describe('tool calls', () => {
  const calls = (...functionCalls: unknown[]) => ({
    toolCallList: { toolCalls: functionCalls.map((functionCall) => ({ functionCall })) },
  });

  it.each<[string, unknown, string]>([
    ['an object', { name: 'f', arguments: { b: 1, a: [null] } }, '0:call_0:f:{"b":1,"a":[null]}'],
    ['none', { name: 'f' }, '0:call_0:f:{}'],
    ['null', { name: 'f', arguments: null }, '0:call_0:f:{}'],
    ['text', { name: 'f', arguments: '{"a": 1}' }, '0:call_0:f:{"a": 1}'],
    ['half a character', { name: 'f\ud800', arguments: { a: '\ud800' } }, '0:call_0:f\ufffd:{"a":"\ufffd"}'],
  ])('arguments: %s', (_, call, expected) => {
    expect(short(stream(line(calls(call), 'TOOL_CALLS')))).toEqual([expected]);
    expect(short(body(line(calls(call), 'TOOL_CALLS')))).toEqual([expected]);
  });

  it('are those of the last list, and come after the text', () => {
    const heard = stream(
      line({ text: 'a', ...calls({ name: 'f' }) }),
      line({ text: 'ab' }),
      line({ text: 'ab', ...calls({ name: 'f', arguments: { a: 1 } }, { name: 'f' }) }, 'TOOL_CALLS'),
    );
    expect(short(heard)).toEqual(['a', 'b', '0:call_0:f:{"a":1}', '1:call_1:f:{}']);
  });

  it.each<[string, unknown]>([
    ['no name', {}],
    ['no object', 7],
    ['too deep', { name: 'f', arguments: JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) }],
  ])('%s is an error', (_, call) => {
    expect(kindOf(() => stream(line(calls(call), 'TOOL_CALLS')))).toBe('upstream_bad_response');
  });
});

describe('the end', () => {
  it.each<[string, FinishReason]>([
    ['FINAL', FinishReason.STOP],
    ['TRUNCATED_FINAL', FinishReason.LENGTH],
    ['TOOL_CALLS', FinishReason.TOOL_CALLS],
    ['CONTENT_FILTER', FinishReason.CONTENT_FILTER],
    ['UNSPECIFIED', FinishReason.ERROR],
    ['SOMETHING_NEW', FinishReason.OTHER],
  ])('%s', (status, finishReason) => {
    const providerFinishReason = `ALTERNATIVE_STATUS_${status}`;
    for (const act of [stream, body])
      expect(act(line({ text: 'a' }, status)).ending).toMatchObject({ finishReason, providerFinishReason });
  });

  it('is the final status, after which nothing counts', () => {
    const heard = hear((decoder) => {
      decoder.push({ event: '', data: JSON.stringify(line({ text: 'a' })) });
      expect(decoder.done).toBe(false);
      decoder.push({ event: '', data: JSON.stringify(line({ text: 'a' }, 'FINAL')) });
      expect(decoder.done).toBe(true);
      decoder.push({ event: '', data: 'not JSON' });
    });
    expect(short(heard)).toEqual(['a']);
  });

  it('of a stream needs a final status', () => {
    for (const lines of [[], [line({ text: 'a' })], [line({}), { result: { usage: {} } }]])
      expect(kindOf(() => stream(...lines))).toBe('upstream_incomplete');
  });

  it('of a body needs an answer, but no status', () => {
    const { finishReason } = body({ alternatives: [{ message: { text: 'a' } }] }).ending;
    expect(finishReason).toBe(FinishReason.OTHER);
    for (const value of [null, [], 'text', {}, { result: {} }, { alternatives: [] }])
      expect(kindOf(() => body(value))).toBe('upstream_bad_response');
  });

  it('names the model with its version, if that is told', () => {
    expect(stream(line({}, 'FINAL', { modelVersion: '1.2' })).ending.providerModel).toBe('yandexgpt 1.2');
    expect(stream(line({}, 'FINAL')).ending.providerModel).toBe('');
  });

  it('tells of further alternatives once', () => {
    const two = { alternatives: [...line({ text: 'a' }, 'FINAL').result.alternatives, {}] };
    expect(body(two).ending.warnings.map(({ message }) => message)).toEqual([
      'The provider gave several answers; only the first was kept.',
    ]);
  });
});

describe('usage', () => {
  it.each<[string, unknown, number[] | undefined]>([
    ['texts', { inputTextTokens: '3', completionTokens: '4', totalTokens: '7' }, [3, 4, 7, 0]],
    ['numbers', { inputTextTokens: 3, completionTokens: 4 }, [3, 4, 7, 0]],
    ['reasoning', { completionTokens: '4', completionTokensDetails: { reasoningTokens: '2' } }, [0, 4, 4, 2]],
    ['no counts', { inputTextTokens: '', completionTokens: '-1', totalTokens: '7' }, undefined],
    ['too long to count', { inputTextTokens: '9'.repeat(30) }, undefined],
    ['nothing', undefined, undefined],
  ])('%s', (_, usage, expected) => {
    const { usage: read } = stream(line({}, 'FINAL', { usage })).ending;
    const counts = read && [read.inputTokens, read.outputTokens, read.totalTokens, read.reasoningTokens];
    expect(counts?.map(Number)).toEqual(expected);
  });

  it('is the last that counts anything', () => {
    const usage = (completionTokens: string) => ({ usage: { completionTokens } });
    const { ending } = stream(line({}, 'PARTIAL', usage('1')), line({}, 'PARTIAL', usage('5')), line({}, 'FINAL'));
    expect(ending.usage?.outputTokens).toBe(5n);
  });
});

it('no JSON whatever makes it fail with anything but a GatewayError, or break the grammar', () => {
  const names = ['result', 'alternatives', 'message', 'text', 'toolCallList', 'toolCalls', 'functionCall', 'name'];
  const more = ['arguments', 'status', 'usage', 'error', 'code', 'modelVersion', 'completionTokens'];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 7 },
      fc.constantFrom(null, true, 0, 3, '', 'a', 'ab', '\ud800', 'ALTERNATIVE_STATUS_FINAL'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names, ...more), tie('value'), { maxKeys: 4 }),
    ),
  }));
  const alternative = fc.record({ message: value, status: value });
  const answer = fc.oneof(value, fc.record({ alternatives: fc.array(alternative, { maxLength: 2 }), usage: value }));
  const property = fc.property(fc.array(answer, { maxLength: 4 }), (lines) => {
    kindOf(() => stream(...lines, line({}, 'FINAL')));
    kindOf(() => body(lines[0]));
  });
  fc.assert(property, { numRuns: 500 });
});

// A pattern that looks again at each of them takes longer than a test may.
it('a very long run of half characters is read at once', () => {
  const text = `${'\ufffd'.repeat(400_000)}a`;
  expect(short(said(text, `${text}\ufffd`, `${text}b`))).toEqual([text, 'b']);
});
