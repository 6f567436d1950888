import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FinishReason, type Warning } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { checkEvents, type Delta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import type { Ending } from '../../../src/dialects/dialect.ts';
import { ChatDecoder } from '../../../src/dialects/openai-chat/decoder.ts';
import { replay } from '../../../src/dialects/openai-chat/replay.ts';
import { asStream } from '../../support/fixtures.ts';

const target = { provider: 'here', model: 'm' };

interface Heard {
  readonly deltas: readonly Delta[];
  readonly ending: Ending;
}

function hear(feed: (decoder: ChatDecoder) => void): Heard {
  const deltas: Delta[] = [];
  const decoder = new ChatDecoder(target, (delta) => deltas.push(delta));
  feed(decoder);
  const heard = { deltas, ending: decoder.end() };
  expect(checkEvents(asStream(heard))).toBeUndefined();
  return heard;
}

const stream = (...chunks: unknown[]): Heard =>
  hear((decoder) => {
    for (const chunk of chunks) decoder.push({ event: '', data: JSON.stringify(chunk) });
  });
const body = (value: unknown): Heard =>
  hear((decoder) => {
    for (const content of replay(value)) decoder.chunk(content);
  });

/** A stream of these deltas that then stops. */
const said = (...deltas: unknown[]): Heard =>
  stream(...deltas.map((delta) => ({ choices: [{ delta }] })), { choices: [{ delta: {}, finish_reason: 'stop' }] });

/** The deltas in short: text as it is, the rest with a mark. */
const short = ({ deltas }: Heard): string[] =>
  deltas.map(({ case: kind, value }) => {
    if (kind === 'textDelta') return value.text;
    if (kind === 'reasoningDelta') return `(${value.text})`;
    if (kind === 'refusalDelta') return `!${value.text}`;
    if (kind === 'toolCallDelta') return `${value.index}:${value.id}:${value.name}:${value.argumentsDelta}`;
    return kind;
  });

const parts = ({ deltas }: Heard) => {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return fold.parts.map(({ part }) => part);
};

const messages = (warnings: readonly Warning[]) => warnings.map(({ message }) => message);

const failure = (act: () => unknown): GatewayError => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('It did not fail.');
};

describe('text and reasoning', () => {
  it.each<[string, unknown[], string[]]>([
    ['empty and null content say nothing', [{ content: '' }, { content: null }, { role: '' }, {}], []],
    ['reasoning before text', [{ content: 'b', reasoning_content: 'a' }], ['(a)', 'b']],
    ['the first spelling that is not empty', [{ reasoning_content: '', reasoning: 'a', reasoning_text: 'b' }], ['(a)']],
    ['one text under two names', [{ reasoning: 'a', reasoning_content: 'a' }], ['(a)']],
    ['the third spelling', [{ reasoning_text: 'a' }], ['(a)']],
    ['only details', [{ reasoning_details: [{ text: 'a' }, { summary: 'b' }, { data: '' }, 7] }], ['(ab)']],
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

describe('tool calls', () => {
  const f = (name: string | undefined, args?: unknown) => ({ name, arguments: args });

  it.each<[string, unknown[], string[]]>([
    [
      'in alternation',
      [
        [{ index: 0, id: 'a', function: f('x', '') }],
        [
          { index: 1, id: 'b', function: f('y', '1') },
          { index: 0, function: f(undefined, '2') },
        ],
        [{ index: 1, function: f(undefined, '3') }],
      ],
      ['0:a:x:', '1:b:y:1', '0:::2', '1:::3'],
    ],
    [
      'indexes from anywhere',
      [[{ index: 7, id: 'a', function: f('x') }], [{ index: 3, id: 'b', function: f('y') }]],
      ['0:a:x:', '1:b:y:'],
    ],
    [
      'without an index, by id',
      [
        [{ id: 'a', function: f('x', '1') }],
        [{ id: 'b', function: f('y', '2') }],
        [{ id: 'a', function: f('x', '3') }],
      ],
      ['0:a:x:1', '1:b:y:2', '0:::3'],
    ],
    [
      'without an index, going on',
      [[{ id: 'a', function: f('x') }], [{ function: f(undefined, '1') }], [{ function: f('', '2') }]],
      ['0:a:x:', '0:::1', '0:::2'],
    ],
    [
      'without index and id, by name',
      [[{ function: f('x', '1') }], [{ function: f('x', '2') }]],
      ['0:call_0:x:1', '1:call_1:x:2'],
    ],
    [
      'without an id',
      [[{ index: 0, function: f('x', '1') }], [{ index: 0, id: 'late', function: f(undefined, '2') }]],
      ['0:call_0:x:1', '0:::2'],
    ],
    [
      'a late name',
      [
        [{ index: 0, id: 'a', function: f(undefined, '1') }],
        [{ index: 0, function: f('', '2') }],
        [{ index: 0, function: f('x', '3') }],
      ],
      ['0:a:x:123'],
    ],
    ['a late name and nothing else', [[{ function: f(undefined, '1') }], [{ id: 'a', function: f('x') }]], ['0:a:x:1']],
    [
      'a name later than the next call',
      [[{ index: 0, id: 'a' }], [{ index: 1, id: 'b', function: f('y') }], [{ index: 0, function: f('x') }]],
      ['0:b:y:', '1:a:x:'],
    ],
    [
      'a name again',
      [[{ index: 0, id: 'a', function: f('x', '1') }], [{ index: 0, id: 'a', function: f('x', '2') }]],
      ['0:a:x:1', '0:::2'],
    ],
    [
      'every call at index 0',
      [
        [{ index: 0, id: 'a', function: f('x', '1') }],
        [{ index: 0, id: 'b', function: f('x', '2') }],
        [{ index: 0, function: f(undefined, '3') }],
      ],
      ['0:a:x:1', '1:b:x:2', '1:::3'],
    ],
    [
      'another id at every fragment',
      [[{ index: 0, id: 'a', function: f('x', '1') }], [{ index: 0, id: 'b', function: f(undefined, '2') }]],
      ['0:a:x:1', '0:::2'],
    ],
    ['an object as arguments', [[{ index: 0, id: 'a', function: f('x', { b: [1, null] }) }]], ['0:a:x:{"b":[1,null]}']],
    ['null as arguments', [[{ index: 0, id: 'a', function: f('x', null) }]], ['0:a:x:']],
    ['entries that are nothing', [[null, 7, {}, { id: '', function: f('', '') }, { id: 'z', type: 'function' }]], []],
  ])('%s', (_, entries, expected) => {
    expect(short(said(...entries.map((calls) => ({ tool_calls: calls }))))).toEqual(expected);
  });

  it('tells calls of a body apart by their place', () => {
    const calls = [
      { id: '', function: f('x', '1') },
      { id: 'a', function: f('x', '2') },
      { id: 'a', function: f('y', '3') },
    ];
    const heard = body({ choices: [{ message: { tool_calls: calls }, finish_reason: 'tool_calls' }] });
    expect(short(heard)).toEqual(['0:call_0:x:1', '1:a:x:2', '2:a:y:3']);
  });

  it('ignores a legacy call that says nothing', () => {
    expect(short(said({ function_call: { name: '', arguments: '' } }, { function_call: 7 }))).toEqual([]);
  });

  it('keeps the signature of a call', () => {
    const extra_content = { google: { thought_signature: 'abc' } };
    const { deltas } = said(
      { tool_calls: [{ index: 0, extra_content }] },
      { tool_calls: [{ index: 0, id: 'a', function: f('x'), extra_content }] },
    );
    const states = deltas.flatMap(({ case: kind, value }) => (kind === 'toolCallDelta' ? [value.providerState] : []));
    expect(states.map((state) => state && { ...state, data: Buffer.from(state.data).toString() })).toEqual([
      undefined,
      expect.objectContaining({ provider: 'here', model: 'm', data: JSON.stringify({ extra_content }) }),
    ]);
  });

  it.each<[string, unknown]>([
    ['arguments of a call without a name', { tool_calls: [{ index: 0, id: 'a', function: f(undefined, '{}') }] }],
    [
      'arguments that nest too deeply',
      { tool_calls: [{ function: f('x', JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))) }] },
    ],
  ])('refuses %s', (_, delta) => expect(failure(() => said(delta)).kind).toBe('upstream_bad_response'));
});

describe('the end', () => {
  it.each<[string, FinishReason]>([
    ['stop', FinishReason.STOP],
    ['end', FinishReason.STOP],
    ['eos', FinishReason.STOP],
    ['length', FinishReason.LENGTH],
    ['model_length', FinishReason.LENGTH],
    ['model_context_window_exceeded', FinishReason.LENGTH],
    ['tool_calls', FinishReason.TOOL_CALLS],
    ['function_call', FinishReason.TOOL_CALLS],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['error', FinishReason.ERROR],
    ['network_error', FinishReason.ERROR],
    ['something_new', FinishReason.OTHER],
    ['__proto__', FinishReason.OTHER],
  ])('%s', (word, reason) => {
    const { finishReason, providerFinishReason } = stream({ choices: [{ delta: {}, finish_reason: word }] }).ending;
    expect({ finishReason, providerFinishReason }).toEqual({ finishReason: reason, providerFinishReason: word });
  });

  it('keeps "stop" with tool calls, and the last word of several', () => {
    expect(said({ tool_calls: [{ id: 'a', function: { name: 'x' } }] }).ending.finishReason).toBe(FinishReason.STOP);
    const twice = stream({ choices: [{ finish_reason: 'length' }] }, { choices: [{ finish_reason: 'stop' }] });
    expect(twice.ending.finishReason).toBe(FinishReason.STOP);
  });

  it('is a refusal only with words of one', () => {
    expect(said({ refusal: '' }).ending.finishReason).toBe(FinishReason.STOP);
    expect(said({ refusal: 'No' }).ending.finishReason).toBe(FinishReason.CONTENT_FILTER);
  });

  it.each<[string, unknown[]]>([
    ['nothing at all', []],
    ['no reason', [{ choices: [{ delta: { content: 'a' } }] }]],
    ['reasons that are none', [{ choices: [{ finish_reason: '' }, { finish_reason: null }, { finish_reason: 1 }] }]],
    ['the reason of another choice', [{ choices: [{ index: 1, finish_reason: 'stop' }] }]],
    ['only usage', [{ choices: [], usage: { prompt_tokens: 1 } }]],
  ])('a stream with %s is not whole, [DONE] or not', (_, chunks) => {
    expect(failure(() => stream(...chunks)).kind).toBe('upstream_incomplete');
    const withMark = () =>
      hear((decoder) => {
        for (const chunk of chunks) decoder.push({ event: '', data: JSON.stringify(chunk) });
        decoder.push({ event: '', data: '[DONE]' });
      });
    expect(failure(withMark).kind).toBe('upstream_incomplete');
  });

  it('is [DONE], after which nothing counts', () => {
    const heard = hear((decoder) => {
      decoder.push({ event: '', data: '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}' });
      expect(decoder.done).toBe(false);
      decoder.push({ event: '', data: '' });
      decoder.push({ event: '', data: '[DONE]' });
      expect(decoder.done).toBe(true);
      decoder.push({ event: '', data: 'not JSON' });
    });
    expect(short(heard)).toEqual(['a']);
  });

  it('of a body needs no reason, but an answer', () => {
    expect(body({ choices: [{ message: { content: 'a' } }] }).ending.finishReason).toBe(FinishReason.OTHER);
    for (const value of [{}, { choices: [] }, { choices: {} }, null, 'text', [1]])
      expect(failure(() => body(value)).kind).toBe('upstream_bad_response');
  });

  it('takes the first id and model that are there', () => {
    const { ending } = stream(
      { id: '', model: '', choices: [] },
      { id: 'a', model: 'x\ud800', choices: [] },
      { id: 'b', model: 'y', choices: [{ finish_reason: 'stop' }] },
    );
    expect([ending.providerResponseId, ending.providerModel]).toEqual(['a', 'x\ufffd']);
  });
});

describe('usage', () => {
  const used = (...usages: unknown[]) => {
    const chunks = usages.map((usage) => ({ choices: [], usage }));
    const usage = stream({ choices: [{ finish_reason: 'stop' }] }, ...chunks).ending.usage;
    return (
      usage &&
      [
        usage.inputTokens,
        usage.outputTokens,
        usage.totalTokens,
        usage.cachedInputTokens,
        usage.cacheWriteTokens,
        usage.reasoningTokens,
      ].map(Number)
    );
  };

  it.each<[string, unknown, number[] | undefined]>([
    ['plain', { prompt_tokens: 3, completion_tokens: 4, total_tokens: 9 }, [3, 4, 9, 0, 0, 0]],
    ['without a total', { prompt_tokens: 3, completion_tokens: 4 }, [3, 4, 7, 0, 0, 0]],
    ['input alone', { prompt_tokens: 3 }, [3, 0, 3, 0, 0, 0]],
    [
      'cached, as OpenAI',
      { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 } },
      [3, 0, 3, 2, 1, 0],
    ],
    [
      'cached, as DeepSeek',
      { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 0 }, prompt_cache_hit_tokens: 2 },
      [3, 0, 3, 2, 0, 0],
    ],
    ['cached, as Kimi', { prompt_tokens: 3, cached_tokens: 2 }, [3, 0, 3, 2, 0, 0]],
    ['reasoning', { completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } }, [0, 3, 3, 0, 0, 2]],
    [
      'details that are null',
      { completion_tokens: 3, completion_tokens_details: null, prompt_tokens_details: null },
      [0, 3, 3, 0, 0, 0],
    ],
    [
      'counts that are none',
      { prompt_tokens: -1, completion_tokens: 2, total_tokens: 1.5, cached_tokens: 'x' },
      [0, 2, 2, 0, 0, 0],
    ],
    ['no counts', { prompt_tokens: '3', completion_tokens: null, total_tokens: 3 }, undefined],
    ['no object', 7, undefined],
    ['null', null, undefined],
  ])('%s', (_, usage, expected) => expect(used(usage)).toEqual(expected));

  it('is the last that counts anything, wherever it is', () => {
    expect(
      used({ prompt_tokens: 1, completion_tokens: 1 }, { prompt_tokens: 2, completion_tokens: 2 }, null, {}),
    ).toEqual([2, 2, 4, 0, 0, 0]);
    const inChoice = stream({ choices: [{ finish_reason: 'stop', usage: { prompt_tokens: 5 } }] }).ending.usage;
    expect(inChoice?.inputTokens).toBe(5n);
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
