import { describe, expect, it } from 'vitest';
import type { Delta } from '../../src/core/events.ts';
import { MessagesDecoder } from '../../src/dialects/anthropic-messages/decoder.ts';
import { failure as messagesFailure } from '../../src/dialects/anthropic-messages/failure.ts';
import type { Decoder, FailedReply } from '../../src/dialects/dialect.ts';
import { GeminiDecoder } from '../../src/dialects/gemini/decoder.ts';
import { failure as geminiFailure } from '../../src/dialects/gemini/failure.ts';
import { ChatDecoder } from '../../src/dialects/openai-chat/decoder.ts';
import { failure as chatFailure } from '../../src/dialects/openai-chat/failure.ts';
import { ResponsesDecoder } from '../../src/dialects/openai-responses/decoder.ts';
import { failure as responsesFailure } from '../../src/dialects/openai-responses/failure.ts';
import { FoundationDecoder } from '../../src/dialects/yandex-foundation/decoder.ts';
import { failure as foundationFailure } from '../../src/dialects/yandex-foundation/failure.ts';

const target = { provider: 'here', model: 'm' };

type Emit = (delta: Delta) => void;

const choice = (delta: object) => ({ choices: [{ index: 0, delta, finish_reason: null }] });
const piece = (delta: object) => ({ type: 'content_block_delta', index: 0, delta });
const candidate = (...parts: object[]) => ({ candidates: [{ content: { role: 'model', parts } }] });
const response = (type: string, rest: object = {}) => ({ type: `response.${type}`, output_index: 0, ...rest });
const partial = (text: string) => ({
  result: { alternatives: [{ message: { role: 'assistant', text }, status: 'ALTERNATIVE_STATUS_PARTIAL' }] },
});

/** What begins a stream, and what a provider may send without end that says nothing. */
const nothings: readonly (readonly [string, (emit: Emit) => Decoder, readonly object[], readonly object[]])[] = [
  [
    'openai-chat',
    (emit) => new ChatDecoder(target, emit, { replayReasoningDetails: true }),
    [choice({ role: 'assistant', content: '', tool_calls: [{ index: 0, id: 'c', function: { name: 'f' } }] })],
    [
      choice({}),
      choice({ role: 'assistant', content: '' }),
      choice({ content: null, refusal: '', reasoning_content: '' }),
      choice({ reasoning_details: [] }),
      choice({ tool_calls: [{ index: 0, function: { arguments: '' } }] }),
      { choices: [] },
      { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
    ],
  ],
  [
    'anthropic-messages',
    (emit) => new MessagesDecoder(target, emit),
    [
      { type: 'message_start', message: { id: 'm' } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking' } },
    ],
    [
      { type: 'ping' },
      { type: 'something_new' },
      piece({ type: 'thinking_delta', thinking: '' }),
      piece({ type: 'signature_delta', signature: '' }),
    ],
  ],
  [
    'anthropic-messages, in a tool call',
    (emit) => new MessagesDecoder(target, emit),
    [
      { type: 'message_start', message: { id: 'm' } },
      { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'c', name: 'f', input: {} } },
    ],
    [piece({ type: 'input_json_delta', partial_json: '' }), { type: 'message_delta', delta: {}, usage: {} }],
  ],
  [
    'gemini',
    (emit) => new GeminiDecoder(target, emit),
    [candidate({ text: 'x' })],
    [
      {},
      { candidates: [] },
      { candidates: [{}], usageMetadata: { promptTokenCount: 1 } },
      candidate(),
      candidate({ text: '' }),
      candidate({ text: '', thought: true }),
    ],
  ],
  [
    'openai-responses',
    (emit) => new ResponsesDecoder(target, emit),
    [response('output_item.added', { item: { type: 'message', content: [] } })],
    [
      response('in_progress'),
      response('output_text.delta', { content_index: 0, delta: '' }),
      response('refusal.delta', { content_index: 1, delta: '' }),
      response('reasoning_summary_text.delta', { summary_index: 0, delta: '' }),
      response('something_new.delta', { delta: 'x' }),
      { type: 'keepalive' },
    ],
  ],
  ['yandex-foundation', (emit) => new FoundationDecoder(emit, 'm'), [partial('x')], [partial('x'), { result: {} }, {}]],
];

// The bounds for the first token and between tokens count what is passed on.
describe('what says nothing is not passed on', () => {
  it.each(nothings)('%s', (_, decoderOf, beginning, empty) => {
    const deltas: Delta[] = [];
    const decoder = decoderOf((delta) => deltas.push(delta));
    const push = (frame: object) => decoder.push({ event: '', data: JSON.stringify(frame) });
    beginning.forEach(push);
    const before = deltas.length;
    for (let i = 0; i < 3; i++) empty.forEach(push);
    expect(deltas.slice(before)).toEqual([]);
  });
});

const failures: readonly (readonly [string, (reply: FailedReply) => { facts: object }])[] = [
  ['openai-chat', chatFailure],
  ['anthropic-messages', messagesFailure],
  ['gemini', geminiFailure],
  ['openai-responses', responsesFailure],
  ['yandex-foundation', foundationFailure],
];

describe('what a provider says of another try is heard', () => {
  it.each(failures)('%s', (_, failure) => {
    const said = (status: number, shouldRetry: string) =>
      failure({ status, headers: { 'x-should-retry': shouldRetry, 'retry-after': '2' }, body: '' }).facts;
    expect(said(503, 'false')).toMatchObject({ shouldRetry: false, retryAfterMs: 2_000 });
    expect(said(409, 'true')).toMatchObject({ shouldRetry: true });
    expect(said(400, 'true')).not.toHaveProperty('shouldRetry');
  });
});
