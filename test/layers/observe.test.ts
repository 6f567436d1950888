import { beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/core/errors.ts';
import { textDelta } from '../../src/core/events.ts';
import { noSpan, type Span } from '../../src/core/span.ts';
import { impersonate } from '../../src/layers/impersonate.ts';
import { type Observer, observe } from '../../src/layers/observe.ts';
import type { ContentCapture } from '../../src/telemetry/content.ts';
import type { CallOutcome } from '../../src/telemetry/record.ts';
import { helloRequest, helloResponse, listSink, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** The layer, with everything it tells. */
function observed(options: Partial<Observer> & { readonly isRecorded?: boolean } = {}) {
  const { isRecorded = true, ...parts } = options;
  const clock = fakeClock();
  const outcomes: CallOutcome[] = [];
  const attributes: Record<string, unknown> = {};
  const events: string[] = [];
  const span: Span = {
    ...noSpan,
    isRecorded,
    set: (more) => void Object.assign(attributes, more),
    rename: (name) => void events.push(`rename ${name}`),
    fail: (type) => void events.push(`fail ${type}`),
    end: () => void events.push('end'),
  };
  const parent: Span = {
    ...noSpan,
    child(name, kind) {
      events.push(`${kind} ${name}`);
      return span;
    },
  };
  const layer = observe({
    record: (outcome) => void outcomes.push(outcome),
    clock,
    providerName: (provider) => (provider === 'mock' ? 'mock.conventional' : undefined),
    ...parts,
  });
  return { clock, outcomes, attributes, events, parent, layer };
}

describe('observe', () => {
  it('records a call that is answered', async () => {
    const { clock, outcomes, attributes, events, parent, layer } = observed();
    const call = testCall({ span: parent });
    await layer(async (inner) => {
      inner.trail.target = { provider: 'mock', model: 'echo' };
      clock.advance(250);
      return helloResponse();
    })(call);
    expect(outcomes).toMatchObject([
      {
        callId: 'call-1',
        target: { provider: 'mock', model: 'echo' },
        startedMs: 1_000,
        endedMs: 1_250,
        error: undefined,
      },
    ]);
    expect(events).toEqual(['client chat', 'rename chat echo', 'end']);
    expect(attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'mock.conventional',
      'gen_ai.request.model': 'echo',
      'gen_ai.usage.input_tokens': 3,
      'gen_ai.response.finish_reasons': ['stop'],
    });
  });

  it('records when the first token of a stream came', async () => {
    const { clock, outcomes, attributes, parent, layer } = observed();
    const call = testCall({ span: parent, sink: listSink() });
    await layer(async (inner) => {
      clock.advance(40);
      inner.trail.firstTokenAtMs = clock.now();
      inner.sink?.emit(textDelta('x'));
      return helloResponse();
    })(call);
    expect(outcomes[0]).toMatchObject({ firstTokenAtMs: 1_040, method: 'antiphon.v1.LlmService/StreamComplete' });
    expect(attributes).toMatchObject({ 'gen_ai.response.time_to_first_chunk': 0.04, 'gen_ai.request.stream': true });
  });

  it('records a call that fails, and passes the failure on', async () => {
    const { outcomes, events, attributes, parent, layer } = observed();
    const error = new GatewayError('model_not_allowed', 'no', { target: { provider: 'a', model: 'b' } });
    const failing = layer(async () => {
      throw error;
    })(testCall({ span: parent, request: helloRequest('a/b') }));
    await expect(failing).rejects.toBe(error);
    expect(outcomes).toMatchObject([{ error, target: { provider: 'a', model: 'b' }, usage: undefined }]);
    expect(events).toEqual(['client chat', 'fail model_not_allowed', 'rename chat a/b', 'end']);
    expect(attributes).toMatchObject({ 'gen_ai.response.finish_reasons': ['error'] });
  });

  it('records the estimate of a call that failed after content', async () => {
    const { outcomes, parent, layer } = observed();
    const { usage } = helloResponse();
    const failing = layer(async (call) => {
      call.trail.partialUsage = usage;
      throw new Error('a defect');
    })(testCall({ span: parent }));
    await expect(failing).rejects.toMatchObject({ kind: 'internal' });
    expect(outcomes[0]?.usage).toBe(usage);
  });
});

describe('what is asked and answered', () => {
  const asked: string[] = [];
  const capture: ContentCapture = {
    request() {
      asked.push('request');
      return { 'gen_ai.input.messages': 'in' };
    },
    response() {
      asked.push('response');
      return { 'gen_ai.output.messages': 'out' };
    },
  };
  beforeEach(() => void asked.splice(0));

  it('is on the span of a call that is answered', async () => {
    const { parent, layer, attributes } = observed({ capture });
    await layer(async () => helloResponse())(testCall({ span: parent }));
    expect(attributes).toMatchObject({ 'gen_ai.input.messages': 'in', 'gen_ai.output.messages': 'out' });
  });

  it('is on the span of a call that fails as far as there is some', async () => {
    const { parent, layer, attributes } = observed({ capture });
    const failing = layer(async () => {
      throw new GatewayError('upstream_error', 'no');
    })(testCall({ span: parent }));
    await expect(failing).rejects.toMatchObject({ kind: 'upstream_error' });
    expect([attributes['gen_ai.input.messages'], asked]).toEqual(['in', ['request']]);
  });

  it('is not even worked out where the span goes nowhere', async () => {
    const { parent, layer } = observed({ capture, isRecorded: false });
    await layer(async () => helloResponse())(testCall({ span: parent }));
    expect(asked).toEqual([]);
  });

  it('is not there by default', async () => {
    const { parent, layer, attributes } = observed();
    await layer(async () => helloResponse())(testCall({ span: parent }));
    expect(JSON.stringify(attributes)).not.toContain('hello');
    expect(Object.keys(attributes).filter((name) => /messages|instructions|definitions/.test(name))).toEqual([]);
  });
});

describe('impersonate', () => {
  it("sends the call to the one provider, under the model's own id", async () => {
    const targets = [
      { provider: 'openai', model: 'gpt-5' },
      { provider: 'azure', model: 'gpt-5' },
    ];
    await impersonate('mock')(async (call) => {
      expect(call.targets).toEqual([{ provider: 'mock', model: 'gpt-5' }]);
      return helloResponse();
    })(testCall({ targets }));
  });
});
