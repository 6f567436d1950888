import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { body, completed, failure, parts, response, short, stream } from './hear.ts';

const message = (...texts: string[]) => ({
  type: 'message',
  content: texts.map((text) => ({ type: 'output_text', text, annotations: [] })),
});
const call = (name: string, text: string) => ({ type: 'function_call', call_id: `c_${name}`, name, arguments: text });
const thought = (summary: string[], sealed = '') => ({
  type: 'reasoning',
  id: 'rs_1',
  summary: summary.map((text) => ({ type: 'summary_text', text })),
  content: [],
  ...(sealed ? { encrypted_content: sealed } : {}),
});
const added = (output_index: number, item: object) => ({ type: 'response.output_item.added', output_index, item });
const done = (output_index: number, item: object) => ({ type: 'response.output_item.done', output_index, item });
const delta = (kind: string, output_index: number, text: string, more: object = {}) => ({
  type: `response.${kind}.delta`,
  output_index,
  delta: text,
  ...more,
});

describe('an answer', () => {
  it('has the parts of a message one after the other', () => {
    expect(short(body(response([message('a', 'b'), message('c')])))).toEqual(['abc']);
  });

  it('has pieces of reasoning as paragraphs, until a part has its state', () => {
    const both = { ...thought(['a', 'b']), content: [{ type: 'reasoning_text', text: 'c' }] };
    expect(short(body(response([both, thought(['d'], 'x'), thought(['e'])])))).toEqual(['(a\n\nb\n\nc\n\nd)*', '(e)']);
    expect(short(body(response([thought(['a']), message('b'), thought(['c'])])))).toEqual(['(a)', 'b', '(c)']);
  });

  it('keeps sealed reasoning that has no text, and nothing of what is not sealed', () => {
    expect(short(body(response([thought([], 'x'), thought([])])))).toEqual(['()*']);
    const [part] = parts(body(response([thought(['a'], 'x')])));
    const state = JSON.parse(Buffer.from(part?.providerState?.data ?? []).toString());
    expect(state).toEqual({
      item: { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'a' }], encrypted_content: 'x' },
    });
  });

  it('has a call that began before another first, whatever ends first', () => {
    const [a, b] = [call('a', '[1]'), call('b', '[2]')];
    const heard = stream(
      added(0, { ...a, arguments: '' }),
      added(1, { ...b, arguments: '' }),
      delta('function_call_arguments', 1, '[2'),
      delta('function_call_arguments', 0, '[1]'),
      done(1, b),
      done(0, a),
      completed([a, b]),
    );
    expect(short(heard)).toEqual(['c_a:a:[1]', 'c_b:b:[2]']);
  });

  it('begins a call once, and not before its name is known', () => {
    const [unnamed, a] = [call('', ''), call('a', '{}')];
    const heard = stream(
      added(0, { type: 'function_call' }),
      added(0, unnamed),
      added(0, call('a', '')),
      added(0, a),
      done(1, call('b', '')),
      completed([a]),
    );
    expect(short(heard)).toEqual(['c_a:a:{}', 'c_b:b:']);
  });

  it('gets an id for a call that has none', () => {
    expect(short(body(response([{ ...call('a', '{}'), call_id: '' }])))).toEqual(['call_0:a:{}']);
  });

  it('takes no delta of an item that is done', () => {
    const heard = stream(done(0, message('a')), delta('output_text', 0, 'b', { content_index: 0 }), completed());
    expect(short(heard)).toEqual(['a']);
  });

  it('puts a character together that was cut in two', () => {
    const [high, low] = ['\ud83d', '\ude00'];
    const cut = stream(delta('output_text', 0, `a${high}`), delta('output_text', 0, `${low}b`), completed());
    expect(cut.deltas.map(({ value }) => 'text' in value && value.text)).toEqual(['a', '😀b']);
    expect(short(stream(delta('output_text', 0, high), completed()))).toEqual(['\ufffd']);
    expect(short(body(response([message(`a${high}`, 'b')])))).toEqual(['a\ufffdb']);
  });

  it('has the phase of a message with its text, but not with a refusal', () => {
    const said = { ...message('a'), phase: 'commentary' };
    const refused = { type: 'message', phase: 'commentary', content: [{ type: 'refusal', refusal: 'no' }] };
    expect(short(body(response([said, { ...message('b'), phase: 'unknown' }, refused])))).toEqual(['a*', 'b', '!no']);
  });
});

describe('the end', () => {
  const incomplete = (reason: unknown) => ({ status: 'incomplete', incomplete_details: { reason } });

  it.each<[string, readonly object[], object, FinishReason]>([
    ['completed', [message('a')], {}, FinishReason.STOP],
    ['completed', [message('a'), call('b', '{}')], {}, FinishReason.TOOL_CALLS],
    [
      'completed',
      [{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }],
      {},
      FinishReason.CONTENT_FILTER,
    ],
    ['max_output_tokens', [call('b', '{')], incomplete('max_output_tokens'), FinishReason.LENGTH],
    ['content_filter', [], incomplete('content_filter'), FinishReason.CONTENT_FILTER],
    ['max_messages', [], incomplete('max_messages'), FinishReason.ERROR],
    ['incomplete', [], incomplete(null), FinishReason.ERROR],
    ['cancelled', [], { status: 'cancelled' }, FinishReason.ERROR],
  ])('is %s of %j', (word, output, more, finishReason) => {
    const { ending } = body(response(output, more));
    expect(ending).toMatchObject({ providerFinishReason: word, finishReason, usage: undefined });
    expect(ending).toMatchObject({ providerModel: 'm-1', providerResponseId: 'resp_1', warnings: [] });
    expect(ending.billing).toBeUndefined();
  });

  it('tells the class of service', () => {
    expect(body(response([], { service_tier: 'flex' })).ending.billing).toEqual({ serviceTier: 'flex' });
  });

  it.each([
    [{ input_tokens: 5, output_tokens: 3 }, [5n, 3n, 8n, 0n, 0n, 0n]],
    [{ output_tokens: 3 }, [0n, 3n, 3n, 0n, 0n, 0n]],
    [{ input_tokens: -1, output_tokens: 1.5 }, undefined],
    [
      {
        input_tokens: 5,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 9,
      },
      [5n, 3n, 9n, 4n, 1n, 2n],
    ],
  ])('counts %j', (usage, counts) => {
    const read = body(response([], { usage })).ending.usage;
    expect(
      read && [
        read.inputTokens,
        read.outputTokens,
        read.totalTokens,
        read.cachedInputTokens,
        read.cacheWriteTokens,
        read.reasoningTokens,
      ],
    ).toEqual(counts);
  });
});

describe('a warning', () => {
  const warned = (...events: object[]) => stream(...events).ending.warnings.length;

  it.each<[number, string, object[]]>([
    [0, 'progress', [{ type: 'response.web_search_call.searching' }, { type: 'response.queued' }, completed()]],
    [1, 'an unknown delta', [delta('audio', 0, 'x'), delta('mcp_call_arguments', 0, 'x'), completed()]],
    [1, 'an unknown item', [done(0, { type: 'mcp_call' }), completed([{ type: 'mcp_call' }, null])]],
    [1, 'an unknown part', [completed([{ type: 'message', content: [{ type: 'video' }, 7] }])]],
    [
      1,
      'annotations',
      [completed([{ type: 'message', content: [{ type: 'output_text', text: 'a', annotations: [{}] }] }])],
    ],
  ])('comes %i times for %s', (count, _, events) => expect(warned(...events)).toBe(count));
});

describe('what is no whole answer', () => {
  it.each<[string, string, object[]]>([
    ['upstream_incomplete', 'no end', [added(0, message()), done(0, message('a'))]],
    ['upstream_incomplete', 'nothing at all', []],
    ['upstream_bad_response', 'an end without a response', [{ type: 'response.completed' }]],
    ['upstream_bad_response', 'something else', [{ choices: [] }]],
    ['upstream_bad_response', 'a list', [[]]],
    ['upstream_bad_response', 'a call without a name', [completed([call('', '{}')])]],
    ['upstream_bad_response', 'arguments of no call', [delta('function_call_arguments', 0, '{}')]],
    ['upstream_error', 'a failure that says nothing', [{ type: 'response.failed' }]],
    ['upstream_overloaded', 'an error', [{ type: 'error', code: 'server_is_overloaded', message: 'x' }]],
    ['upstream_auth', 'an error without a type', [{ error: { code: 'invalid_api_key' } }]],
  ])('is %s: %s', (kind, _, events) => expect(failure(() => stream(...events)).kind).toBe(kind));

  it('is not made whole by [DONE], which some put at the end', () => {
    expect(failure(() => stream(done(0, message('a')), '[DONE]')).kind).toBe('upstream_incomplete');
    expect(short(stream(completed([message('a')]), '[DONE]'))).toEqual(['a']);
  });

  it('may also be a body', () => {
    expect(failure(() => body(undefined)).kind).toBe('upstream_bad_response');
    expect(failure(() => body(response([], { status: undefined }))).kind).toBe('upstream_incomplete');
  });
});

const makers = {
  output_text: (text: string) => message(text),
  function_call_arguments: (text: string) => call('f', text),
  reasoning_summary_text: (text: string) => thought([text], 'x'),
};

/** An item, and where its text is cut. What follows the last cut comes with the whole item only. */
const cutItem = fc.record({
  kind: fc.constantFrom('output_text', 'function_call_arguments', 'reasoning_summary_text'),
  text: fc.string({ unit: 'binary', maxLength: 12 }),
  cuts: fc.array(fc.nat(12), { maxLength: 6 }),
});

it('is the same however much of it came early', () => {
  fc.assert(
    fc.property(fc.array(cutItem, { maxLength: 5 }), (items) => {
      const output = items.map(({ kind, text }) => makers[kind](text));
      const events = items.flatMap(({ kind, text, cuts }, i) => {
        const places = [0, ...[...cuts].sort((a, b) => a - b)];
        const pieces = places.slice(1).map((end, n) => text.slice(places[n], end));
        const begun = { ...output[i], arguments: '' };
        return [added(i, begun), ...pieces.map((piece) => delta(kind, i, piece)), done(i, output[i] ?? {})];
      });
      expect(parts(stream(...events, completed(output)))).toEqual(parts(body(response(output))));
    }),
  );
});
