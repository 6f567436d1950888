import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  BrokenStreamPolicy,
  type CompleteRequest,
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
  FinishReason,
  type Part,
  PartSchema,
  ResponseFormatSchema,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { addWarnings, type Call, newTrail } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { checkEvents, type Delta, type Sink, textDelta, toolCallDelta } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import type { News } from '../../src/core/news.ts';
import { type EscalationCause, noPolicy } from '../../src/core/policy.ts';
import { addSpent } from '../../src/core/spent.ts';
import type { Target } from '../../src/core/target.ts';
import { dropped } from '../../src/core/warnings.ts';
import { escalate } from '../../src/layers/escalate.ts';
import { StreamWriter } from '../../src/services/stream.ts';
import { helloRequest, listSink, settle, testCall } from '../support/calls.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const weak: Target = { provider: 'p', model: 'weak' };
const strong: Target = { provider: 'p', model: 'strong' };
const stronger: Target = { provider: 'q', model: 'stronger' };

const part = (init: Part['part']): Part => create(PartSchema, { part: init });
const text = (value: string): Part => part({ case: 'text', value });
const refusal = (value: string): Part => part({ case: 'refusal', value });
const toolCall = part({
  case: 'toolCall',
  value: { $typeName: 'antiphon.v1.ToolCall', id: 'c', name: 'f', arguments: '' },
});
const thought = part({ case: 'reasoning', value: { $typeName: 'antiphon.v1.ReasoningText', text: 'hm' } });

interface Answer {
  readonly content: Part[];
  readonly finishReason?: FinishReason;
  readonly error?: GatewayError;
  readonly takesMs?: number;
  /** Before the answer is over. */
  readonly during?: () => unknown;
  /** Nothing is known of where it came from. */
  readonly unrecorded?: boolean;
}

const good: Answer = { content: [text('whole')] };
const cut: Answer = { content: [text('who')], finishReason: FinishReason.LENGTH };
const refused: Answer = { content: [refusal('no')], finishReason: FinishReason.CONTENT_FILTER };
const empty: Answer = { content: [] };
const failing = (kind: GatewayError['kind'] = 'upstream_error', content: Part[] = []): Answer => ({
  content,
  error: new GatewayError(kind, 'failed'),
});

/** What a model at `target` with all the layers around it would do. */
function play(answer: Answer, call: Call, clock: FakeClock) {
  const [target = weak] = call.targets;
  const { trail, sink } = call;
  if (!answer.unrecorded) trail.target = target;
  addWarnings(trail, [dropped('top_k', `${target.model} takes none`), dropped('seed', 'no model takes one')]);
  const record = create(AttemptSchema, { ...target });
  if (!answer.unrecorded) trail.attempts.push(record);
  clock.advance(answer.takesMs ?? 10);
  trail.upstreamMs += answer.takesMs ?? 10;
  for (const [index, { part: inner }] of answer.content.filter((one) => one === toolCall).entries())
    if (inner.case === 'toolCall') sink?.emit(toolCallDelta(index, '', inner.value));
  for (const { part: inner } of answer.content) {
    if (inner.case === 'text') sink?.emit(textDelta(inner.value));
    if (inner.case === 'refusal')
      sink?.emit({ case: 'refusalDelta', value: { $typeName: 'antiphon.v1.RefusalDelta', text: inner.value } });
  }
  answer.during?.();
  if (answer.error) {
    record.status = answer.error.rule.code;
    record.errorReason = answer.error.rule.reason;
    addSpent(trail, undefined, create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 7n }));
    trail.fallbacks++;
    throw answer.error;
  }
  return create(CompleteResponseSchema, {
    content: answer.content,
    finishReason: answer.finishReason ?? FinishReason.STOP,
    usage: { inputTokens: 3n, outputTokens: 2n, totalTokens: 5n },
    cost: { status: CostStatus.PRICED, totalNanoUsd: target === weak ? 100n : 1_000n },
  });
}

const all: readonly EscalationCause[] = ['truncated', 'refused', 'empty', 'schema'];

interface Case extends Partial<Call> {
  readonly on?: readonly EscalationCause[];
  readonly to?: readonly Target[];
  readonly request?: CompleteRequest;
}

/** Sends a call through the layer; each answer is for the next time that a model is asked. */
function setUp(answers: readonly Answer[], { on = all, to = [strong], ...overrides }: Case = {}) {
  const clock = fakeClock();
  const news: News[] = [];
  const calls: Call[] = [];
  const trail = newTrail();
  trail.selectionReason = 'named';
  addWarnings(trail, [dropped('', 'known before')]);
  const next: Complete = async (call) => {
    calls.push(call);
    return play(answers[calls.length - 1] ?? good, call, clock);
  };
  const call = testCall({
    trail,
    targets: [weak],
    policy: { ...noPolicy, escalation: { on, to } },
    ...overrides,
  });
  const result = escalate({ clock, tell: (one) => news.push(one) })(next)(call);
  return { result, clock, news, calls, trail, call };
}

const texts = (parts: readonly Part[]) =>
  parts.map(({ part: one }) => (one.case === 'text' || one.case === 'refusal' ? one.value : one.case));
const messages = (trail: Call['trail']) => trail.warnings.map(({ message }) => message);
const attempts = (trail: Call['trail']) =>
  trail.attempts.map(({ model, status, leftBecause }) => [model, status, leftBecause]);

const asking = (format: 'jsonObject' | 'jsonSchema'): CompleteRequest => {
  const request = helloRequest();
  request.responseFormat = create(ResponseFormatSchema, {
    format:
      format === 'jsonObject'
        ? { case: 'jsonObject', value: {} }
        : { case: 'jsonSchema', value: { name: 'x', schema: '{"type":"array"}' } },
  });
  return request;
};

describe('an answer that is not good enough', () => {
  it.each<[string, Answer, EscalationCause | undefined, CompleteRequest?]>([
    ['whole', good, undefined],
    ['cut off', cut, 'truncated'],
    ['cut off before a word', { content: [thought], finishReason: FinishReason.LENGTH }, 'truncated'],
    ['filtered', { content: [text('a')], finishReason: FinishReason.CONTENT_FILTER }, 'refused'],
    ['a refusal', { content: [thought, refusal('no')] }, 'refused'],
    ['a refusal among words', { content: [text('a'), refusal('no')] }, undefined],
    ['a refusal of all but a tool', { content: [refusal('no'), toolCall] }, undefined],
    ['nothing', empty, 'empty'],
    ['blank', { content: [text(' \n')] }, 'empty'],
    ['thoughts alone', { content: [thought] }, 'empty'],
    ['a tool call alone', { content: [toolCall], finishReason: FinishReason.TOOL_CALLS }, undefined],
    ['no JSON', good, 'schema', asking('jsonObject')],
    ['a list instead of an object', { content: [text('[]')] }, 'schema', asking('jsonObject')],
    ['an object', { content: [text('{}')] }, undefined, asking('jsonObject')],
    ['an object instead of a list', { content: [text('{}')] }, 'schema', asking('jsonSchema')],
    ['a list', { content: [text('[]')] }, undefined, asking('jsonSchema')],
    ['a tool call instead of JSON', { content: [toolCall] }, undefined, asking('jsonSchema')],
    ['the configured one', { content: [], finishReason: FinishReason.FALLBACK }, undefined, asking('jsonObject')],
    ['to be continued', { content: [], finishReason: FinishReason.PAUSED }, undefined],
  ])('is %s: %s', async (_, answer, cause, request = helloRequest()) => {
    const { result, news, calls } = setUp([answer, good], { request });
    await result;
    expect(news).toEqual(cause ? [{ type: 'escalated', from: weak, to: strong, cause }] : []);
    expect(calls.length).toBe(cause ? 2 : 1);
  });

  it.each<[EscalationCause, Answer]>([
    ['truncated', cut],
    ['refused', refused],
    ['empty', empty],
  ])('is none by a cause that does not count: %s', async (cause, answer) => {
    const { result, calls } = setUp([answer], { on: all.filter((one) => one !== cause) });
    expect(texts((await result).content)).toEqual(texts(answer.content));
    expect(calls).toHaveLength(1);
  });

  it('is judged by the shape only where that counts', async () => {
    const { result, calls } = setUp([good], { request: asking('jsonObject'), on: ['truncated'] });
    await result;
    expect(calls).toHaveLength(1);
  });
});

describe('the stronger answer', () => {
  it('takes the place of the first, whose cost is kept and whose warnings are not', async () => {
    const { result, trail, calls, clock } = setUp([cut, good], { to: [strong, stronger] });
    const response = await result;
    expect(texts(response.content)).toEqual(['whole']);
    expect(calls[1]?.targets).toEqual([strong, stronger]);
    expect(trail.target).toBe(strong);
    expect(attempts(trail)).toEqual([
      ['weak', 0, 'the answer was cut off'],
      ['strong', 0, ''],
    ]);
    expect(messages(trail)).toEqual(['known before', 'strong takes none', 'no model takes one']);
    expect(trail.partialUsage).toMatchObject({ totalTokens: 5n });
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 100n });
    expect(trail.upstreamMs).toBe(20);
    expect(trail.selectionReason).toBe('named; then a stronger model, since the answer was cut off');
    expect(clock.pending).toBe(0);
  });

  it('is asked of those only that were not tried yet', async () => {
    const other = setUp([cut, good], { to: [weak, strong] });
    await other.result;
    expect(other.calls[1]?.targets).toEqual([strong]);
    const elsewhere = setUp([cut, good], { to: [{ provider: 'q', model: 'weak' }] });
    await elsewhere.result;
    expect(elsewhere.calls).toHaveLength(2);
    const none = setUp([cut, good], { to: [weak] });
    expect(texts((await none.result).content)).toEqual(['who']);
    expect([none.calls.length, none.news, attempts(none.trail)]).toEqual([1, [], [['weak', 0, '']]]);
  });

  it('is not asked for a third time', async () => {
    const { result, calls } = setUp([cut, cut, good], { to: [strong, stronger] });
    await result;
    expect(calls).toHaveLength(2);
  });

  it.each<[string, Answer, Answer, boolean, CompleteRequest?]>([
    ['cut off as well', cut, { ...cut, content: [text('longer')] }, true],
    ['refused, where the first was cut off', cut, refused, false],
    ['empty, where the first was cut off', cut, empty, false],
    ['empty, where the first was refused', refused, empty, false],
    ['refused, where the first was empty', empty, refused, true],
    ['cut off, where the first was refused', refused, cut, true],
    ['of the wrong shape as well', good, { content: [text('other words')] }, true, asking('jsonObject')],
    ['cut off and of the wrong shape', { content: [text('[')] }, cut, true, asking('jsonSchema')],
    ['the configured one', empty, { content: [text('sorry')], finishReason: FinishReason.FALLBACK }, false],
  ])('that is %s', async (_, first, second, counts, request = helloRequest()) => {
    const { result, trail } = setUp([first, second], { request });
    const expected = counts ? second : first;
    expect(texts((await result).content)).toEqual(texts(expected.content));
    expect(trail.target).toBe(counts ? strong : weak);
    expect(attempts(trail).map(([, , why]) => why !== '')).toEqual([counts, !counts]);
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: counts ? 100n : 1_000n });
  });

  it('that is worse need not have a record', async () => {
    const { result, trail } = setUp([cut, { ...empty, unrecorded: true }]);
    await result;
    expect(attempts(trail)).toEqual([['weak', 0, '']]);
  });

  it('may follow an answer without a record', async () => {
    for (const second of [good, failing()]) {
      const trail = newTrail();
      const first = { ...cut, during: () => trail.attempts.pop() };
      const { result } = setUp([first, second], { trail });
      await result;
      expect(trail.attempts.map(({ leftBecause }) => leftBecause)).toEqual(['']);
    }
  });

  it('is held against the first by all that can be wrong, whatever counts', async () => {
    const { result } = setUp([cut, empty], { on: ['truncated'] });
    expect(texts((await result).content)).toEqual(['who']);
  });
});

describe('a stronger model that fails', () => {
  it('leaves the first answer as it was', async () => {
    const { result, trail } = setUp([cut, failing()]);
    const response = await result;
    expect([texts(response.content), response.finishReason]).toEqual([['who'], FinishReason.LENGTH]);
    expect(trail.target).toBe(weak);
    expect(trail.selectionReason).toBe('named');
    expect(messages(trail)).toEqual(['known before', 'weak takes none', 'no model takes one']);
    expect(attempts(trail)).toEqual([
      ['weak', 0, ''],
      ['strong', 14, ''],
    ]);
    expect([trail.partialUsage, trail.upstreamMs, trail.queuedMs]).toEqual([undefined, 20, 0]);
  });

  it('costs what it has used', async () => {
    const { result, trail, calls } = setUp([cut, failing()]);
    await result;
    expect(calls[1]?.trail).not.toBe(trail);
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 7n });
    expect(trail.fallbacks).toBe(1);
  });

  it('ends the call when the caller has gone meanwhile', async () => {
    const controller = new AbortController();
    const gone = new GatewayError('cancelled', 'gone');
    const second = { ...failing('cancelled'), during: () => controller.abort(gone) };
    const { result, trail } = setUp([cut, second], { signal: controller.signal });
    await expect(result).rejects.toMatchObject({ kind: 'cancelled' });
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 107n });
    expect(attempts(trail)[0]).toEqual(['weak', 0, 'the answer was cut off']);
  });
});

describe('escalation is not begun', () => {
  it('without a rule, which costs nothing', async () => {
    const next: Complete = () => answer;
    const answer = Promise.resolve(create(CompleteResponseSchema, {}));
    const layer = escalate({ clock: fakeClock(), tell: () => undefined });
    const call = testCall();
    expect(layer(next)(call)).toBe(answer);
  });

  it('where nothing is known of who answered', async () => {
    const { result, news, calls } = setUp([{ ...cut, unrecorded: true }, good]);
    await result;
    expect([news, calls.length]).toEqual([[], 1]);
  });

  it('when the first fails', async () => {
    const { result, calls } = setUp([failing()]);
    await expect(result).rejects.toMatchObject({ kind: 'upstream_error' });
    expect(calls).toHaveLength(1);
  });

  it.each([
    [100, 1_200, 2],
    [100, 1_199, 1],
    [0, 1_000, 2],
  ])('after %i ms with a deadline at %i: asked %i times', async (takesMs, deadlineMs, times) => {
    const { result, calls } = setUp([{ ...cut, takesMs }, good], { deadlineMs });
    await result;
    expect(calls).toHaveLength(times);
  });

  it('when the caller has gone', async () => {
    const controller = new AbortController();
    const first = { ...cut, during: () => controller.abort() };
    const { result, calls, news } = setUp([first], { signal: controller.signal });
    await result;
    expect([calls.length, news]).toEqual([1, []]);
  });

  it('for a stream that has begun and may not begin anew', async () => {
    const sink = listSink();
    const { result, calls } = setUp([cut, good], { sink });
    expect((await result).finishReason).toBe(FinishReason.LENGTH);
    expect([calls.length, sink.deltas.length]).toEqual([1, 1]);
  });
});

describe('a stream', () => {
  const anew = (): CompleteRequest => {
    const request = helloRequest();
    request.onBrokenStream = BrokenStreamPolicy.RESTART;
    return request;
  };
  const told = (deltas: readonly Delta[]) =>
    deltas.map(({ case: kind, value }) =>
      'text' in value ? value.text : kind === 'restart' ? ['restart', value.model, value.reason] : kind,
    );

  it('that may begin anew does', async () => {
    const sink = listSink();
    const { result, calls } = setUp([cut, { content: [text('a'), text('b')] }], { sink, request: anew() });
    await result;
    expect(told(sink.deltas)).toEqual(['who', ['restart', 'strong', ErrorReason.UNSPECIFIED], 'a', 'b']);
    expect(calls[1]?.sink?.committed).toBe(true);
  });

  it('is not committed for the layers below until the stronger one has begun', async () => {
    const committed: unknown[] = [];
    const sink = listSink();
    const next: Complete = async (call) => {
      if (call.targets[0] === strong) {
        committed.push(call.sink?.committed);
        call.sink?.emit(textDelta('x'));
        committed.push(call.sink?.committed);
        return play({ content: [] }, call, fakeClock());
      }
      return play(cut, call, fakeClock());
    };
    const policy = { ...noPolicy, escalation: { on: all, to: [strong] } };
    const call = testCall({ sink, request: anew(), policy, targets: [weak] });
    await escalate({ clock: fakeClock(), tell: () => undefined })(next)(call);
    expect(committed).toEqual([false, true]);
  });

  it('that has not begun needs no leave, and begins with the facts of the one that counts', async () => {
    const seen: unknown[] = [];
    const { result, trail } = setUp([empty, good], { sink: { ...listSink(), emit: (delta) => watch(delta) } });
    const watch = (delta: Delta) => seen.push(delta.case, trail.target?.model, messages(trail)) > 0;
    await result;
    expect(seen).toEqual(['textDelta', 'strong', ['known before', 'strong takes none', 'no model takes one']]);
  });

  it('that had not begun and may not begin anew stays with what it has begun with', async () => {
    const sink = listSink();
    const reset = failing('upstream_reset', [text('some')]);
    const { result, trail } = setUp([empty, reset], { sink });
    await expect(result).rejects.toBe(reset.error);
    expect([told(sink.deltas), trail.target]).toEqual([['some'], strong]);
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 107n });
    const configured = { content: [text('sorry')], finishReason: FinishReason.FALLBACK };
    const other = setUp([empty, configured], { sink: listSink() });
    expect(texts((await other.result).content)).toEqual(['sorry']);
  });

  it('keeps the grammar of streams, whatever is given in whatever order', async () => {
    const write = async (answers: readonly Answer[]) => {
      const messages: StreamCompleteResponse[] = [];
      const out = { write: (one: StreamCompleteResponse) => messages.push(one) > 0, drained: async () => undefined };
      const trail = newTrail();
      const call = testCall({ trail });
      const sink = new StreamWriter(out, call, trail, fakeClock());
      const { result } = setUp(answers, { sink, trail, request: anew() });
      sink.completed(await result);
      return messages;
    };
    const calling: Answer = { content: [text('a'), toolCall], finishReason: FinishReason.LENGTH };
    const worse = { content: [toolCall, toolCall, refusal('no')], finishReason: FinishReason.CONTENT_FILTER };
    for (const second of [good, calling, worse, empty, failing('upstream_reset', [toolCall])])
      for (const first of [calling, empty, refused]) expect(checkEvents(await write([first, second]))).toBeUndefined();
  });

  it('passes on when the caller has room', async () => {
    const sink = listSink();
    const { result, calls } = setUp([cut, good], { sink, request: anew() });
    await result;
    sink.room = false;
    expect(calls[1]?.sink?.emit(textDelta('x'))).toBe(false);
    expect(calls[1]?.sink?.ready()).toBe(sink.ready());
  });

  it('is void although the answer that counts says nothing', async () => {
    const sink = listSink();
    const { result } = setUp([{ content: [text(' ')] }, empty], { sink, request: anew() });
    expect((await result).content).toEqual([]);
    expect(told(sink.deltas)).toEqual([' ', ['restart', 'strong', ErrorReason.UNSPECIFIED]]);
    const silent = listSink();
    await setUp([empty, empty], { sink: silent, request: anew() }).result;
    expect(silent.deltas).toEqual([]);
  });

  it('of a model that fails before a word has not begun anew', async () => {
    const sink = listSink();
    const { result } = setUp([cut, failing()], { sink, request: anew() });
    expect((await result).finishReason).toBe(FinishReason.LENGTH);
    expect(told(sink.deltas)).toEqual(['who']);
  });

  it.each<[string, Answer, ErrorReason]>([
    ['breaks off', failing('upstream_reset', [text('never')]), ErrorReason.UPSTREAM_RESET],
    ['is worse', { content: [refusal('no')] }, ErrorReason.UNSPECIFIED],
  ])('that %s is followed by the first answer again', async (_, second, reason) => {
    const sink = listSink();
    const { result, trail } = setUp([cut, second], { sink, request: anew() });
    const response = await result;
    expect(told(sink.deltas).slice(-2)).toEqual([['restart', 'weak', reason], 'who']);
    const fold = new Fold();
    for (const delta of sink.deltas) fold.add(delta);
    expect(fold.parts).toEqual(response.content);
    expect(trail.target).toBe(weak);
  });

  it('gives the first answer again no faster than it is read, and stops when the caller goes', async () => {
    const controller = new AbortController();
    const sink = listSink();
    const long = { ...cut, content: [text('x'.repeat(20_000))] };
    const second = { ...failing('upstream_reset', [text('never')]), during: () => (sink.room = false) };
    const { result, trail } = setUp([long, second], { sink, request: anew(), signal: controller.signal });
    await settle();
    const before = sink.deltas.length;
    sink.drain();
    await settle();
    expect(sink.deltas.length).toBe(before + 1);
    const gone = new GatewayError('cancelled', 'gone');
    controller.abort(gone);
    await expect(result).rejects.toBe(gone);
    expect(trail.partialCost).toMatchObject({ totalNanoUsd: 107n });
    expect(attempts(trail)[0]).toEqual(['weak', 0, 'the answer was cut off']);
  });
});

it('costs a stream nothing before it counts: the first answer has the sink of the caller', async () => {
  const sink: Sink = listSink();
  const { result, calls } = setUp([good], { sink });
  await result;
  expect(calls[0]?.sink).toBe(sink);
});
