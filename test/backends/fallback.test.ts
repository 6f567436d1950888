import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AttemptSchema,
  CallContextSchema,
  CostStatus,
  FinishReason,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { fallbackBackend } from '../../src/backends/fallback.ts';
import { type Call, newTrail, type Trail } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import type { News } from '../../src/core/news.ts';
import { helloRequest, listSink, settle, testCall } from '../support/calls.ts';

const target = { provider: 'fallback', model: 'sorry' };

function ask(answer: string, overrides: Partial<Call> = {}, enabled = true) {
  const news: News[] = [];
  const backend = fallbackBackend({ answers: new Map([['sorry', answer]]), enabled, tell: (one) => news.push(one) });
  const call = testCall({ target, ...overrides });
  return { result: backend(call), call, news };
}

const tried = (...reasons: ErrorReason[]): Trail => {
  const trail = newTrail();
  for (const errorReason of reasons) trail.attempts.push(create(AttemptSchema, { errorReason }));
  return trail;
};

const textOf = async (answer: string, overrides: Partial<Call> = {}, enabled = true) => {
  const { content } = await ask(answer, overrides, enabled).result;
  return content.map(({ part }) => part.value).join('');
};

describe('the configured answer', () => {
  it('is given as such: it costs nothing, and says that it is from no model', async () => {
    const { result, call, news } = ask('Try again later.');
    expect(await result).toMatchObject({
      content: [{ part: { case: 'text', value: 'Try again later.' } }],
      finishReason: FinishReason.FALLBACK,
      providerFinishReason: 'fallback',
      providerModel: 'sorry',
      usage: { totalTokens: 0n, estimated: false },
      cost: { status: CostStatus.PRICED, totalNanoUsd: 0n, priceSource: 'fallback' },
    });
    expect(call.trail.warnings.map(({ code }) => code)).toEqual([WarningCode.FALLBACK_ANSWER]);
    expect(news).toEqual([{ type: 'fallback_answered', answer: 'sorry' }]);
  });

  it.each<[string, Trail, boolean, string]>([
    ['the last failure', tried(ErrorReason.UPSTREAM_RESET, ErrorReason.UPSTREAM_TIMEOUT), true, 'UPSTREAM_TIMEOUT'],
    ['its own record is none', tried(ErrorReason.CIRCUIT_OPEN, ErrorReason.UNSPECIFIED), true, 'CIRCUIT_OPEN'],
    ['nothing failed', tried(), true, 'REQUESTED'],
    ['models are off', tried(), false, 'DISABLED'],
  ])('tells why: %s', async (_, trail, enabled, reason) => {
    expect(await textOf('since {{reason}}.', { trail }, enabled)).toBe(`since ${reason}.`);
  });

  it('tells of the call', async () => {
    const request = helloRequest();
    request.requestType = 'summary';
    const text = '{{request_type}} {{source_agent}} {{trace_id}} {{request_id}} {{request_id}} {{other}} {{ reason }}';
    expect(await textOf(text, { request })).toBe('summary tester trace-1 call-1 call-1 {{other}} {{ reason }}');
  });

  it('takes what a caller has written as it is, and never looks at it again', async () => {
    const hostile = fc.string({
      unit: fc.constantFrom('{{reason}}', '{{', '}}', 'reason', 'request_id', '$&', '$1', '$$', '{', 'x'),
    });
    const property = fc.asyncProperty(hostile, hostile, async (traceId, sourceAgent) => {
      const context = create(CallContextSchema, { traceId, sourceAgent });
      expect(await textOf('[{{trace_id}}|{{source_agent}}]', { context })).toBe(`[${traceId}|${sourceAgent}]`);
    });
    await fc.assert(property);
  });

  it('goes to the sink of a stream, which is waited for', async () => {
    const sink = listSink();
    sink.room = false;
    const { result } = ask('Later.', { sink });
    let over = false;
    void result.then(() => {
      over = true;
    });
    await settle();
    expect([sink.deltas, over]).toEqual([[textDelta('Later.')], false]);
    sink.drain();
    await result;
  });

  it('does not wait where there is room', async () => {
    const sink = listSink();
    await ask('Later.', { sink }).result;
    expect(sink.deltas).toHaveLength(1);
  });

  it('is on a connection at once', async () => {
    let connected = 0;
    await ask('Later.', { onConnected: () => connected++ }).result;
    expect(connected).toBe(1);
  });

  it('is not given to a caller who has gone', async () => {
    const gone = new GatewayError('cancelled', 'gone');
    const { result, news } = ask('Later.', { signal: AbortSignal.abort(gone) });
    await expect(result).rejects.toBe(gone);
    expect(news).toEqual([]);
  });

  it('ends when the caller goes meanwhile', async () => {
    const controller = new AbortController();
    const gone = new GatewayError('cancelled', 'gone');
    const sink = listSink();
    sink.room = false;
    const { result } = ask('Later.', { sink, signal: controller.signal });
    controller.abort(gone);
    await expect(result).rejects.toBe(gone);
  });

  it.each([{ provider: 'fallback', model: 'none' }, undefined])('that there is not, at %j', async (other) => {
    await expect(ask('Later.', { target: other }).result).rejects.toMatchObject({ kind: 'model_not_found' });
  });
});
