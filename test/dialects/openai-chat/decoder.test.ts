import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { body, failure, type Heard, hear, messages, parts, said, short, stream } from './hear.ts';

describe('text and reasoning', () => {
  it.each<[string, unknown[], string[]]>([
    ['empty and null content say nothing', [{ content: '' }, { content: null }, { role: '' }, {}], []],
    ['reasoning before text', [{ content: 'b', reasoning_content: 'a' }], ['(a)', 'b']],
    ['the first spelling that is not empty', [{ reasoning_content: '', reasoning: 'a', reasoning_text: 'b' }], ['(a)']],
    ['one text under two names', [{ reasoning: 'a', reasoning_content: 'a' }], ['(a)']],
    ['the third spelling', [{ reasoning_text: 'a' }], ['(a)']],
    ['only details', [{ reasoning_details: [{ text: 'a' }, { summary: 'b' }, { data: '' }, 7] }], ['(a)', '(b)']],
    ['details that repeat the text', [{ reasoning: 'a', reasoning_details: [{ text: 'a' }] }], ['(a)']],
    ['reasoning of another kind', [{ reasoning: { effort: 'low' }, reasoning_content: 7 }], []],
    ['a refusal', [{ refusal: 'No' }, { refusal: '.' }, { refusal: null }], ['!No', '!.']],
    [
      'content as a list',
      [
        {
          content: [
            { type: 'thinking', thinking: [{ text: 'a' }, 'x'] },
            { type: 'text', text: 'b' },
            { type: 'refusal', refusal: 'c' },
          ],
        },
      ],
      ['(a)', 'b', '!c'],
    ],
  ])('%s', (_, deltas, expected) => {
    expect(short(said(...deltas))).toEqual(expected);
  });

  it('takes a message in place of a delta', () => {
    expect(short(stream({ choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] }))).toEqual(['a']);
    expect(
      short(body({ choices: [{ message: { content: 'a' }, delta: { content: '' }, finish_reason: 'stop' }] })),
    ).toEqual(['a']);
    expect(short(body({ choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }))).toEqual(['a']);
  });
});

describe('sealed reasoning', () => {
  const seal = (...reasoning_details: unknown[]) => ({ reasoning_details });
  const states = (heard: Heard) =>
    heard.deltas.flatMap(({ case: kind, value }) =>
      kind === 'reasoningDelta' && value.providerState ? [Buffer.from(value.providerState.data).toString()] : [],
    );

  it('closes the reasoning it belongs to', () => {
    const heard = said(
      { reasoning: 'a\ud83d' },
      seal({ type: 'reasoning.text', signature: 's' }),
      { reasoning: 'b' },
      seal({ type: 'reasoning.encrypted', data: 'd' }),
    );
    expect(short(heard)).toEqual(['(a)', '(\ufffd)', '()', '(b)', '()']);
    expect(states(heard)).toEqual([
      '{"reasoning_details":[{"type":"reasoning.text","signature":"s"}]}',
      '{"reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]}',
    ]);
    expect(parts(heard)).toHaveLength(2);
  });

  it('keeps nothing that only repeats the text', () => {
    const heard = said({ reasoning: 'a', ...seal({ type: 'reasoning.text', text: 'a', signature: '' }, null) });
    expect(states(heard)).toEqual([]);
  });
});

describe('surrogate pairs', () => {
  const [high, low] = ['\ud83d', '\ude00'];

  it.each<[string, unknown[], string[]]>([
    ['cut in two', [{ content: `a${high}` }, { content: `${low}b` }], ['a', '😀b']],
    ['with nothing around', [{ content: high }, { content: low }], ['😀']],
    [
      'in every kind of text',
      [{ reasoning: high }, { content: high, reasoning: low }, { content: low }, { refusal: high }, { refusal: low }],
      ['(😀)', '😀', '!😀'],
    ],
    ['a half without a partner', [{ content: high }, { content: 'a' }, { content: low }], ['\ufffda', '\ufffd']],
    ['a half at the end', [{ content: `a${high}` }], ['a', '\ufffd']],
    [
      'in arguments',
      [
        { tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: `"${high}` } }] },
        { tool_calls: [{ index: 0, function: { arguments: `${low}"` } }] },
      ],
      ['0:x:f:"', '0:::😀"'],
    ],
  ])('%s', (_, deltas, expected) => expect(short(said(...deltas))).toEqual(expected));

  it('any text cut anywhere is passed on whole', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(40)), (text, places) => {
      const edges = [0, ...places.filter((at) => at < text.length).sort((a, b) => a - b), text.length];
      const pieces = edges.slice(1).map((to, i) => ({ content: text.slice(edges[i], to) }));
      const heard = said(...pieces);
      expect(short(heard).join('')).toBe(text);
      for (const piece of short(heard)) expect(piece.isWellFormed()).toBe(true);
    });
    fc.assert(property);
  });
});

describe('what has no place', () => {
  it.each<[string, unknown, string]>([
    ['annotations', { annotations: [{ type: 'url_citation' }] }, 'annotations'],
    ['audio', { audio: { data: 'UklG' } }, 'audio'],
    ['images', { images: [{}] }, 'images'],
    ['other parts', { content: [{ type: 'image_url' }] }, 'parts of a kind that is not known here'],
  ])('%s is told of once', (_, delta, what) => {
    expect(messages(said(delta, delta).ending.warnings)).toEqual([
      `The answer also held ${what}, which this contract has no place for.`,
    ]);
  });

  it('citations and further choices are told of once', () => {
    const chunk = {
      citations: ['https://example.com'],
      choices: [{ index: 0, finish_reason: 'stop' }, { index: 1 }, { index: 2 }],
    };
    expect(messages(stream(chunk, chunk).ending.warnings)).toEqual([
      'The answer also held citations, which this contract has no place for.',
      'The provider gave several answers; only the first was kept.',
    ]);
  });

  it('nothing is told of what is empty', () => {
    const delta = {
      annotations: [],
      audio: { data: '', id: '' },
      images: [],
      logprobs: { content: [] },
      tool_calls: null,
    };
    expect(said(delta, { annotations: null, audio: null }).ending.warnings).toEqual([]);
  });
});

describe('failures inside an answer', () => {
  it.each<[string, unknown, string, number | undefined]>([
    ['an object', { error: { message: 'm', type: 'server_error' } }, 'upstream_error', undefined],
    ['a text', { error: 'Too busy.', code: 503 }, 'upstream_overloaded', 503],
    ['a code that is a status', { error: { message: 'm', code: 429 } }, 'upstream_rate_limited', 429],
    ['the same as text', { error: { message: 'm', code: '429' } }, 'upstream_rate_limited', 429],
    ['a code in words', { error: { message: 'm', code: 'rate_limit_exceeded' } }, 'upstream_rate_limited', undefined],
    ['no quota', { error: { code: 'insufficient_quota' } }, 'upstream_billing', undefined],
    ['vLLM', { object: 'error', message: 'm', type: 'BadRequestError', code: 400 }, 'upstream_rejected', 400],
    ['in a choice', { choices: [{ error: { message: 'm', code: 502 } }] }, 'upstream_error', 502],
    ['too long', { error: { message: 'This exceeds the context window.', code: 400 } }, 'context_length_exceeded', 400],
  ])('%s', (_, content, kind, status) => {
    for (const act of [() => stream(content), () => body(content)]) {
      const error = failure(act);
      expect([error.kind, error.facts.upstreamStatus]).toEqual([kind, status]);
    }
  });

  it('an event called error is one, whatever it holds', () => {
    const push = (data: string) => () => hear((decoder) => decoder.push({ event: 'error', data }));
    expect(failure(push('{"message":"m","type":"overloaded_error"}')).kind).toBe('upstream_overloaded');
    expect(failure(push('null')).kind).toBe('upstream_error');
    expect(failure(push('words')).kind).toBe('upstream_bad_response');
  });

  it.each(['words', '{"choices":', '7', 'null', '[]'])('what is not an answer is told without its text: %s', (data) => {
    const error = failure(() => hear((decoder) => decoder.push({ event: '', data })));
    expect(error.kind).toBe('upstream_bad_response');
    expect(error.facts).toEqual({});
  });
});

it('no JSON whatever makes it fail with anything but a GatewayError, or break the grammar', () => {
  const names = [
    'choices',
    'delta',
    'message',
    'content',
    'tool_calls',
    'function',
    'name',
    'arguments',
    'index',
    'id',
    'usage',
    'reasoning',
    'reasoning_details',
    'finish_reason',
    'annotations',
    'audio',
    'text',
    'type',
  ];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, true, 0, 1, -1.5, '', 'stop', 'text', '\ud800'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
    ),
  }));
  const answer = fc.oneof(
    value,
    fc.record({ choices: fc.array(fc.record({ delta: value, message: value }), { maxLength: 2 }) }),
  );
  const property = fc.property(fc.array(answer, { maxLength: 4 }), (chunks) => {
    for (const act of [() => stream(...chunks, { choices: [{ finish_reason: 'stop' }] }), () => body(chunks[0])]) {
      try {
        const heard = act();
        expect(parts(heard).length).toBeLessThanOrEqual(heard.deltas.length);
      } catch (thrown) {
        if (!(thrown instanceof GatewayError)) throw thrown;
      }
    }
  });
  fc.assert(property, { numRuns: 500 });
});
