import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  CacheStatus,
  CostSchema,
  CostStatus,
  FinishReason,
  type StreamCompleteResponse,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { HealthResponseSchema } from '#gen/antiphon/v1/health_pb.js';
import { ListModelsRequestSchema, ModelSchema } from '#gen/antiphon/v1/model_pb.js';
import { addWarnings, type Call } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { checkEvents, textDelta } from '../../src/core/events.ts';
import { mocked } from '../../src/core/warnings.ts';
import { type LlmServiceParts, llmService } from '../../src/services/llm.ts';
import type { Inbound } from '../../src/services/service.ts';
import { hang, helloRequest, helloResponse } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { inboundOf, listOut, requestOf } from '../support/requests.ts';

const broken = () => requestOf({ temperature: 9 });
const down = new GatewayError('upstream_error', 'It is down.');
const models = ['one', 'two', 'three'].map((id) => create(ModelSchema, { provider: 'mock', id }));

/** A service whose layers and backend are one script. */
function serviceOver(complete: Complete, overrides: Partial<LlmServiceParts> = {}) {
  const clock = fakeClock();
  const calls: Call[] = [];
  const refusals: { call: Call; error: GatewayError }[] = [];
  const service = llmService({
    complete: (call) => {
      calls.push(call);
      return complete(call);
    },
    models: () => models,
    health: () => create(HealthResponseSchema),
    refused: (call, error) => refusals.push({ call, error }),
    clock,
    ...overrides,
  });
  return { service, clock, calls, refusals };
}

/** A backend that answers after 50 ms, of which a provider took 40; the first word comes half-way. */
function answering(clock: () => ReturnType<typeof fakeClock>): Complete {
  return async (call) => {
    const target = { provider: 'mock', model: 'echo' };
    Object.assign(call.trail, { target, selectionReason: 'named', upstreamMs: 40 });
    call.trail.attempts.push(create(AttemptSchema, target));
    addWarnings(call.trail, [mocked()]);
    clock().advance(20);
    call.sink?.emit(textDelta('hello'));
    clock().advance(30);
    call.sink?.emit(textDelta(' back'));
    return helloResponse();
  };
}

function answeringService() {
  const over = serviceOver(answering(() => over.clock));
  return over;
}

const stamped = {
  id: 'call-1',
  model: 'echo',
  provider: 'mock',
  context: inboundOf().context,
  cacheStatus: CacheStatus.BYPASS,
  cost: { status: CostStatus.UNPRICED, totalNanoUsd: 0n },
  attempts: [{ provider: 'mock', model: 'echo' }],
  selectionReason: 'named',
  warnings: [mocked()],
  finishReason: FinishReason.STOP,
  usage: { totalTokens: 5n },
};

const milliseconds = (ms: number) => expect.objectContaining({ seconds: 0n, nanos: ms * 1e6 });

describe('complete', () => {
  it('stamps the answer with what is known of the call', async () => {
    const response = await answeringService().service.complete(helloRequest(), inboundOf());
    expect(response).toMatchObject({ ...stamped, content: helloResponse().content });
  });

  it('says where the time went', async () => {
    const { service, clock } = answeringService();
    clock.advance(5);
    const { timing } = await service.complete(helloRequest(), inboundOf({ receivedMs: 1_003 }));
    expect(timing).toMatchObject({
      total: milliseconds(52),
      gateway: milliseconds(12),
      queued: milliseconds(0),
    });
    expect(timing?.toFirstToken).toBeUndefined();
  });

  it('gives the layers the call as it came', async () => {
    const { service, calls } = answeringService();
    const request = helloRequest();
    const inbound: Inbound = inboundOf({ deadlineMs: 9_000 });
    await service.complete(request, inbound);
    const { id, context, signal, deadlineMs, receivedMs, span } = inbound;
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ id, deadlineMs, receivedMs, targets: [], caller: { name: 'anonymous' } });
    expect(calls[0]?.request).toBe(request);
    expect(calls[0]?.signal).toBe(signal);
    expect(calls[0]?.span).toBe(span);
    expect(calls[0]?.context).toBe(context);
    expect([calls[0]?.sink, calls[0]?.target, calls[0]?.attempt]).toEqual([undefined, undefined, undefined]);
    expect(() => calls[0]?.onConnected()).not.toThrow();
  });

  it('keeps what is known of one call from the next', async () => {
    const { service, calls } = answeringService();
    await service.complete(helloRequest(), inboundOf());
    const second = await service.complete(helloRequest(), inboundOf());
    expect(calls[0]?.trail).not.toBe(calls[1]?.trail);
    expect(second.attempts).toHaveLength(1);
  });

  it('names no model where none was reached', async () => {
    const { service } = serviceOver(async () => helloResponse());
    expect(await service.complete(helloRequest(), inboundOf())).toMatchObject({ model: '', provider: '' });
  });

  it('passes on an error as it is; it was no refusal', async () => {
    const { service, refusals } = serviceOver(() => Promise.reject(down));
    await expect(service.complete(helloRequest(), inboundOf())).rejects.toBe(down);
    expect(refusals).toEqual([]);
  });

  it('counts what other tries have cost', async () => {
    const { service } = serviceOver(async (call) => {
      call.trail.partialCost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 30n });
      const cost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 12n });
      return { ...helloResponse(), cost };
    });
    const { cost } = await service.complete(helloRequest(), inboundOf());
    expect(cost).toMatchObject({ totalNanoUsd: 42n, otherAttemptsNanoUsd: 30n });
  });

  it('tells with an error what was tried, whatever was thrown', async () => {
    const { service } = serviceOver(async (call) => {
      call.trail.attempts.push(create(AttemptSchema, { provider: 'mock' }));
      throw new Error('a defect');
    });
    const failed = service.complete(helloRequest(), inboundOf());
    await expect(failed).rejects.toMatchObject({
      kind: 'internal',
      facts: { failure: { attempts: [{ provider: 'mock' }] } },
    });
  });

  it('ends with the reason for which the caller’s signal aborts', async () => {
    const controller = new AbortController();
    const { service } = serviceOver(hang);
    const ended = expect(service.complete(helloRequest(), inboundOf({ signal: controller.signal }))).rejects.toBe(down);
    controller.abort(down);
    await ended;
  });
});

describe('streamComplete', () => {
  const textOf = (messages: readonly StreamCompleteResponse[]) =>
    messages.map(({ event }) => (event.case === 'textDelta' ? event.value.text : '')).join('');

  it('writes a whole stream, and the same stamps at its end', async () => {
    const out = listOut();
    await answeringService().service.streamComplete(helloRequest(), inboundOf(), out);
    expect(checkEvents(out.messages)).toBeUndefined();
    expect(textOf(out.messages)).toBe('hello back');
    expect(out.messages.at(-1)?.event.value).toMatchObject({ ...stamped, content: [] });
    expect(out.messages[0]?.event.value).toMatchObject({ id: 'call-1', model: 'echo', warnings: [mocked()] });
  });

  it('says when the first token came', async () => {
    const out = listOut();
    await answeringService().service.streamComplete(helloRequest(), inboundOf(), out);
    expect(out.messages.at(-1)?.event.value).toMatchObject({
      timing: { total: milliseconds(50), toFirstToken: milliseconds(20), gateway: milliseconds(10) },
    });
  });

  it('writes a whole stream around an empty answer', async () => {
    const out = listOut();
    const { service } = serviceOver(async () => helloResponse());
    await service.streamComplete(helloRequest(), inboundOf(), out);
    expect(out.messages.map(({ event }) => event.case)).toEqual(['start', 'completed']);
    expect(checkEvents(out.messages)).toBeUndefined();
  });

  it('writes nothing where an error comes before any content', async () => {
    const out = listOut();
    const { service, calls } = serviceOver(() => Promise.reject(down));
    await expect(service.streamComplete(helloRequest(), inboundOf(), out)).rejects.toBe(down);
    expect(out.messages).toEqual([]);
    expect(calls[0]?.sink?.committed).toBe(false);
  });

  it('does not end a stream that an error broke', async () => {
    const out = listOut();
    const { service } = serviceOver(async (call) => {
      call.sink?.emit(textDelta('hel'));
      throw down;
    });
    await expect(service.streamComplete(helloRequest(), inboundOf(), out)).rejects.toBe(down);
    expect(out.messages.map(({ event }) => event.case)).toEqual(['start', 'textDelta']);
    expect(checkEvents(out.messages)).toBeTypeOf('string');
  });

  it('tells with the error what the part that came will have cost', async () => {
    const usage = create(UsageSchema, { totalTokens: 4n, estimated: true });
    const { service } = serviceOver(async (call) => {
      call.sink?.emit(textDelta('hel'));
      call.trail.partialUsage = usage;
      throw down;
    });
    const failed = service.streamComplete(helloRequest(), inboundOf(), listOut());
    await expect(failed).rejects.toMatchObject({ kind: 'upstream_error', facts: { failure: { usage } } });
  });
});

describe('a request that breaks a rule', () => {
  it('is refused, recorded once, and reaches no layer', async () => {
    const { service, calls, refusals } = serviceOver(async () => helloResponse());
    const out = listOut();
    await expect(service.complete(broken(), inboundOf())).rejects.toMatchObject({ kind: 'invalid_request' });
    await expect(service.streamComplete(broken(), inboundOf({ id: 'call-2' }), out)).rejects.toMatchObject({
      kind: 'invalid_request',
      facts: { violations: [{ field: 'temperature' }] },
    });
    expect(calls).toEqual([]);
    expect(out.messages).toEqual([]);
    expect(refusals.map(({ call, error }) => [call.id, error.kind, call.sink !== undefined])).toEqual([
      ['call-1', 'invalid_request', false],
      ['call-2', 'invalid_request', true],
    ]);
  });

  it('is the only one that is recorded as refused', async () => {
    const { service, refusals } = answeringService();
    await service.complete(helloRequest(), inboundOf());
    await service.streamComplete(helloRequest(), inboundOf(), listOut());
    expect(refusals).toEqual([]);
  });
});

describe('listModels', () => {
  it('lists the models there are now, in pages', async () => {
    const { service } = serviceOver(hang);
    const list = (pageToken: string) =>
      service.listModels(create(ListModelsRequestSchema, { pageSize: 2, pageToken }), inboundOf());
    const first = await list('');
    expect(first.models.map(({ id }) => id)).toEqual(['one', 'two']);
    expect(first.nextPageToken).not.toBe('');
  });

  it('refuses a token that it did not give', async () => {
    const { service } = serviceOver(hang);
    const asked = service.listModels(create(ListModelsRequestSchema, { pageToken: 'x' }), inboundOf());
    await expect(asked).rejects.toMatchObject({ kind: 'invalid_request' });
  });
});
