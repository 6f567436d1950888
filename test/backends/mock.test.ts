import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CompleteRequest,
  type CompleteResponse,
  FinishReason,
  Role,
  WarningCode,
} from '#gen/antiphon/v1/completion_pb.js';
import type { MockSettings } from '../../src/backends/mock/options.ts';
import { mockBackend } from '../../src/backends/mock.ts';
import type { Call } from '../../src/core/call.ts';
import { errorKinds, GatewayError } from '../../src/core/errors.ts';
import { Fold } from '../../src/core/fold.ts';
import { helloRequest, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';
import {
  anyText,
  assistant,
  type RequestInit,
  requestOf,
  text,
  toolCall,
  toolResult,
  user,
} from '../support/requests.ts';

const calm: MockSettings = { seed: 1, latencyMs: 0, tokensPerSecond: 0, errorRate: 0 };

const scripted = (script: JsonObject, init: RequestInit = {}) =>
  requestOf({ ...init, providerOptions: { mock: script } });
const said = (words: string): RequestInit => ({ messages: [user(text(words))] });

/** Starts a call; time stands still until it is moved. */
function start(overrides: Partial<Call> = {}, settings: Partial<MockSettings> = {}) {
  const clock = fakeClock();
  const sink = listSink();
  const abort = new AbortController();
  const call = testCall({ sink, signal: abort.signal, ...overrides });
  const backend = mockBackend({ ...calm, ...settings }, clock);
  let outcome = 'pending';
  const answer = backend(call);
  answer.then(
    () => {
      outcome = 'answered';
    },
    (error) => {
      outcome = error instanceof GatewayError ? error.kind : String(error);
    },
  );
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
    return { outcome, tokens: sink.deltas.length };
  };
  return { answer, pass, clock, sink, abort, call };
}

const ask = (init: RequestInit, settings: Partial<MockSettings> = {}): Promise<CompleteResponse> =>
  start({ request: requestOf(init) }, settings).answer;

const wordsOf = ({ content }: CompleteResponse): string =>
  content.map(({ part }) => (part.case === 'text' ? part.value : `<${part.case}>`)).join('');

const callOf = ({ content }: CompleteResponse) => {
  const part = content[0]?.part;
  return part?.case === 'toolCall' ? { name: part.value.name, arguments: JSON.parse(part.value.arguments) } : undefined;
};

describe('the answer of the mock', () => {
  it('says that no model was called, and echoes the last user message', async () => {
    const messages = [user(text('one')), assistant(text('two')), user(text('three'), text('four'))];
    const response = await ask({ messages });
    expect(wordsOf(response)).toBe('This is the mock provider: no model was called. You said: three four');
    expect(response).toMatchObject({
      finishReason: FinishReason.STOP,
      providerFinishReason: 'stop',
      providerModel: 'echo',
    });
  });

  it('carries the warning MOCKED', async () => {
    const { answer, call } = start();
    await answer;
    expect(call.trail.warnings.map(({ code }) => code)).toEqual([WarningCode.MOCKED]);
  });

  it('is the same for the same request', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.nat(), async (words, seed) => {
        expect(await ask(said(words), { seed })).toEqual(await ask(said(words), { seed }));
      }),
      { numRuns: 50 },
    );
  });

  it('has the same content streamed as in one piece', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom(...'ab \n\té') }), async (reply) => {
        const { answer, sink } = start({ request: scripted({ reply }) });
        const response = await answer;
        const fold = new Fold();
        for (const delta of sink.deltas) fold.add(delta);
        expect(response.content).toEqual(fold.parts);
        expect(wordsOf(response)).toBe(reply);
        expect(response.usage?.outputTokens).toBe(BigInt(sink.deltas.length));
      }),
    );
  });

  it('needs no stream', async () => {
    const response = await start({ sink: undefined }).answer;
    expect(wordsOf(response)).toMatch(/You said: hello$/);
  });

  it('counts tokens, and adds them up', async () => {
    const { usage } = await start({ request: scripted({ reply: 'one two three' }, said('12345678')) }).answer;
    expect(usage).toMatchObject({ inputTokens: 2n, outputTokens: 3n, totalTokens: 5n, estimated: false });
  });

  it('echoes so much of a long text, in whole characters', async () => {
    const echo = wordsOf(await ask(said(`a${'😀'.repeat(2_000)}`))).split('You said: ')[1] ?? '';
    expect(echo.length).toBe(2_000);
    expect(echo.isWellFormed()).toBe(true);
  });

  it('has an echo of nothing where no user spoke', async () => {
    const response = await ask({ messages: [{ role: Role.SYSTEM, content: [text('rules')] }] });
    expect(wordsOf(response)).toMatch(/You said: $/);
  });
});

describe('JSON from the mock', () => {
  it('is an object where one is asked for', async () => {
    const responseFormat = { format: { case: 'jsonObject' as const, value: {} } };
    const response = await ask({ ...said('say "hi"'), responseFormat });
    expect(JSON.parse(wordsOf(response))).toEqual({ mock: true, echo: 'say "hi"' });
  });

  const sample = async (schema: unknown): Promise<unknown> => {
    const value = { name: 's', schema: JSON.stringify(schema) };
    return JSON.parse(wordsOf(await ask({ responseFormat: { format: { case: 'jsonSchema', value } } })));
  };

  it.each<[string, unknown, unknown]>([
    ['an empty schema', {}, 'mock'],
    ['a string', { type: 'string' }, 'mock'],
    ['an integer', { type: 'integer' }, 0],
    ['an integer with a minimum', { type: 'integer', minimum: 2.5 }, 3],
    ['a number with a minimum', { type: 'number', minimum: 2.5 }, 2.5],
    ['a boolean', { type: 'boolean' }, true],
    ['null', { type: 'null' }, null],
    ['the first of several types', { type: ['integer', 'null'] }, 0],
    ['a constant', { const: { a: 1 } }, { a: 1 }],
    ['the first of an enum', { type: 'string', enum: ['red', 'blue'] }, 'red'],
    ['an alternative', { anyOf: [{ type: 'boolean' }, { type: 'null' }] }, true],
    ['another alternative', { oneOf: [{ const: 1 }] }, 1],
    ['all of several', { allOf: [{ type: 'boolean' }] }, true],
    ['a list', { type: 'array', items: { type: 'integer' } }, [0]],
    ['properties without a type', { properties: { a: { type: 'integer' } } }, { a: 0 }],
    ['an object without properties', { type: 'object' }, {}],
    ['a schema that is not one', { type: 'object', properties: { a: true } }, { a: null }],
    ['a reference, which is not followed', { $ref: '#/$defs/x' }, 'mock'],
    [
      'nested ones',
      { type: 'object', properties: { a: { type: 'array', items: { type: 'object', properties: { b: {} } } } } },
      { a: [{ b: 'mock' }] },
    ],
  ])('has the shape of %s', async (_, schema, value) => {
    expect(await sample(schema)).toEqual(value);
  });

  it('has every property, whatever its name', async () => {
    const schema = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"integer"},"constructor":{}}}');
    expect(Object.keys((await sample(schema)) as object)).toEqual(['__proto__', 'constructor']);
  });

  it('is bounded in depth and width', async () => {
    const properties = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`p${i}`, {}]));
    expect(Object.keys((await sample({ type: 'object', properties })) as object)).toHaveLength(64);
    let schema: unknown = {};
    for (let i = 0; i < 60; i++) schema = { type: 'array', items: schema };
    expect(JSON.stringify(await sample(schema)).length).toBeLessThan(40);
  });
});

describe('tools and the mock', () => {
  const weather = {
    name: 'get_weather',
    parameters: '{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1}}}',
  };
  const tools = [{ name: 'look_up' }, weather];
  const mode = (value: number) => ({ choice: { case: 'mode' as const, value } });
  const afterResult = [user(text('get_weather please')), assistant(toolCall('c', 'get_weather'))].concat([
    { role: Role.TOOL, content: [toolResult('c', text('sunny'))] },
  ]);

  it('calls the tool it must call, with arguments of its shape', async () => {
    const response = await ask({ tools, toolChoice: { choice: { case: 'name', value: 'get_weather' } } });
    expect(callOf(response)).toEqual({ name: 'get_weather', arguments: { city: 'mock', days: 1 } });
    expect(response).toMatchObject({
      finishReason: FinishReason.TOOL_CALLS,
      providerFinishReason: 'tool_calls',
    });
  });

  it.each<[string, RequestInit, string | undefined]>([
    ['the tool that the user names', { ...said('call get_weather now'), tools }, 'get_weather'],
    ['no tool that nobody named', { ...said('hello'), tools }, undefined],
    ['any tool if it must call one', { ...said('hello'), tools, toolChoice: mode(3) }, 'look_up'],
    ['no tool if it must not', { ...said('call get_weather now'), tools, toolChoice: mode(2) }, undefined],
    ['the named tool if it may', { ...said('call get_weather now'), tools, toolChoice: mode(1) }, 'get_weather'],
    ['no tool after a result, so that a loop ends', { messages: afterResult, tools }, undefined],
    ['a tool without parameters', { ...said('look_up this'), tools }, 'look_up'],
  ])('calls %s', async (_, init, name) => {
    const response = await ask(init);
    expect(callOf(response)?.name).toBe(name);
    expect(response.finishReason).toBe(name ? FinishReason.TOOL_CALLS : FinishReason.STOP);
  });

  it('streams a call in pieces, the first with its id and name', async () => {
    const { answer, sink } = start({ request: requestOf({ ...said('get_weather'), tools }) });
    await answer;
    expect(sink.deltas.map(({ value }) => ('id' in value ? [value.index, value.id, value.name] : []))).toEqual([
      [0, 'call_mock_get_weather', 'get_weather'],
      ...sink.deltas.slice(1).map(() => [0, '', '']),
    ]);
    expect(sink.deltas.length).toBeGreaterThan(1);
  });
});

describe('the time the mock takes', () => {
  it('is its latency before the first token, and its pace after it', async () => {
    const { pass } = start({ request: scripted({ reply: 'a b c' }) }, { latencyMs: 100, tokensPerSecond: 50 });
    expect(await pass(99)).toEqual({ outcome: 'pending', tokens: 0 });
    expect(await pass(1)).toEqual({ outcome: 'pending', tokens: 1 });
    expect(await pass(19)).toEqual({ outcome: 'pending', tokens: 1 });
    expect(await pass(1)).toEqual({ outcome: 'pending', tokens: 2 });
    expect(await pass(20)).toEqual({ outcome: 'answered', tokens: 3 });
  });

  it('may be set for one request', async () => {
    const request = scripted({ reply: 'a b', latency_ms: 10, tokens_per_second: 100 });
    const { pass } = start({ request }, { latencyMs: 1_000 });
    expect(await pass(10)).toEqual({ outcome: 'pending', tokens: 1 });
    expect(await pass(10)).toEqual({ outcome: 'answered', tokens: 2 });
  });

  it('counts as time spent with a provider, also when it fails', async () => {
    for (const fault of [{}, { fault: 'upstream_reset', fault_after_tokens: 1 }]) {
      const { pass, call } = start({ request: scripted({ reply: 'a', ...fault }) }, { latencyMs: 100 });
      await pass(100);
      expect(call.trail.upstreamMs).toBe(100);
    }
  });

  it('begins when the request is on its way', () => {
    let connected = 0;
    start({ onConnected: () => connected++ }, { latencyMs: 100 });
    expect(connected).toBe(1);
  });

  it.each<[string, Partial<MockSettings>, number, number]>([
    ['before the first token', { latencyMs: 100 }, 50, 0],
    ['between tokens', { tokensPerSecond: 10 }, 50, 1],
  ])('ends when the call is aborted %s', async (_, settings, ms, tokens) => {
    const { pass, abort, clock } = start({ request: scripted({ reply: 'a b c' }) }, settings);
    expect(await pass(ms)).toEqual({ outcome: 'pending', tokens });
    abort.abort(new GatewayError('cancelled', 'Gone.'));
    expect(await pass(0)).toEqual({ outcome: 'cancelled', tokens });
    expect(clock.pending).toBe(0);
  });

  it('is none for a call that was aborted before', async () => {
    const signal = AbortSignal.abort(new GatewayError('cancelled', 'Gone.'));
    const { pass } = start({ signal });
    expect(await pass(0)).toEqual({ outcome: 'cancelled', tokens: 0 });
  });

  it('waits while the caller has no room', async () => {
    const sink = listSink();
    sink.room = false;
    const { pass } = start({ sink, request: scripted({ reply: 'a b c' }) });
    const drained = async () => {
      sink.drain();
      const { outcome } = await pass(0);
      return { outcome, tokens: sink.deltas.length };
    };
    await pass(10_000);
    expect(sink.deltas).toHaveLength(1);
    expect(await drained()).toEqual({ outcome: 'pending', tokens: 2 });
    sink.room = true;
    expect(await drained()).toEqual({ outcome: 'answered', tokens: 3 });
  });

  it('ends when the call is aborted while the caller has no room', async () => {
    const sink = listSink();
    sink.room = false;
    const { pass, abort } = start({ sink, request: scripted({ reply: 'a b c' }) });
    await pass(0);
    abort.abort(new GatewayError('slow_consumer', 'Too slow.'));
    expect((await pass(0)).outcome).toBe('slow_consumer');
  });
});

describe('the faults of the mock', () => {
  it.each(errorKinds)('may be %s', async (fault) => {
    const { pass, answer } = start({ request: scripted({ fault }) });
    expect(await pass(0)).toEqual({ outcome: fault, tokens: 0 });
    await expect(answer).rejects.toThrow(`failed with ${fault}, as it was told`);
  });

  it.each([
    [0, 0],
    [2, 2],
    [3, 3],
    [99, 3],
    [1.5, 2],
  ])('come after %d tokens of three: %i', async (after, tokens) => {
    const request = scripted({ reply: 'a b c', fault: 'upstream_reset', fault_after_tokens: after });
    const { pass } = start({ request });
    expect(await pass(0)).toEqual({ outcome: 'upstream_reset', tokens });
  });

  it('come after the latency', async () => {
    const { pass } = start({ request: scripted({ fault: 'upstream_timeout' }) }, { latencyMs: 100 });
    expect((await pass(99)).outcome).toBe('pending');
    expect((await pass(1)).outcome).toBe('upstream_timeout');
  });

  const failing = async (settings: Partial<MockSettings>, count = 400): Promise<boolean[]> =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        ask(said(`question ${i}`), settings).then(
          () => false,
          (error) => error.kind === 'upstream_error',
        ),
      ),
    );
  const share = (fails: readonly boolean[]) => fails.filter(Boolean).length / fails.length;

  it.each([0.1, 0.5, 0.9])('hit about a share of %d of the requests', async (errorRate) => {
    const measured = share(await failing({ errorRate }));
    expect(Math.abs(measured - errorRate)).toBeLessThan(0.1);
  });

  it('hit none at a rate of 0, and all at a rate of 1', async () => {
    expect(share(await failing({ errorRate: 0 }, 50))).toBe(0);
    expect(share(await failing({ errorRate: 1 }, 50))).toBe(1);
  });

  it('hit the same requests again, and others with another seed', async () => {
    const first = await failing({ errorRate: 0.5, seed: 1 }, 60);
    expect(await failing({ errorRate: 0.5, seed: 1 }, 60)).toEqual(first);
    expect(await failing({ errorRate: 0.5, seed: 2 }, 60)).not.toEqual(first);
  });
});

describe('the script of the mock', () => {
  const refusalOf = async (script: JsonObject, provider = 'mock') => {
    const request = requestOf({ providerOptions: { [provider]: script } });
    const { answer } = start({ request, target: { provider, model: 'echo' } });
    return answer.then(
      () => undefined,
      (error) => ({ kind: error.kind, fields: error.facts.violations?.map(({ field }: { field: string }) => field) }),
    );
  };

  it.each<[string, JsonObject]>([
    ['reply', { reply: 1 }],
    ['latency_ms', { latency_ms: -1 }],
    ['latency_ms', { latency_ms: 600_001 }],
    ['latency_ms', { latency_ms: '10' }],
    ['tokens_per_second', { tokens_per_second: -1 }],
    ['error_rate', { error_rate: 1.1 }],
    ['error_rate', { error_rate: null }],
    ['seed', { seed: 2 ** 32 }],
    ['fault', { fault: 'no_such_kind' }],
    ['fault', { fault: 'constructor' }],
    ['fault_after_tokens', { fault: 'internal', fault_after_tokens: true }],
    ['fault_after_tokens', { fault_after_tokens: 'two' }],
    ['speed', { speed: 1 }],
    ['constructor', { constructor: 1 }],
  ])('is refused for its %s (%j)', async (field, script) => {
    expect(await refusalOf(script)).toEqual({ kind: 'invalid_request', fields: [`provider_options["mock"].${field}`] });
  });

  it('is read under the name that the provider is configured with', async () => {
    expect(await refusalOf({ speed: 1 }, 'rehearsal')).toMatchObject({
      fields: ['provider_options["rehearsal"].speed'],
    });
    const request = requestOf({ providerOptions: { other: { reply: 'x' } } });
    expect(wordsOf(await start({ request }).answer)).toMatch(/You said/);
  });

  it('is refused in few words, however long its keys are', async () => {
    const { answer } = start({ request: scripted({ ['x'.repeat(1_000_000)]: 1 }) });
    await expect(answer).rejects.toSatisfy((error: Error) => error.message.length < 1_000);
  });

  it.each<JsonObject>([
    {},
    { seed: 0, latency_ms: 0, tokens_per_second: 0, error_rate: 0, reply: '' },
    { seed: 2 ** 32 - 1, tokens_per_second: 1e6, fault_after_tokens: 3, reply: 'a' },
  ])('is taken at its bounds: %j', async (script) => {
    expect((await start({ request: scripted(script) }).pass(1_000)).outcome).toBe('answered');
  });

  it('without a target is that of "mock"', async () => {
    const { answer } = start({ request: scripted({ reply: 'x' }), target: undefined });
    expect(await answer).toMatchObject({ providerModel: '' });
    expect(wordsOf(await answer)).toBe('x');
  });
});

describe('the limits that a request sets', () => {
  const limited = (limits: Partial<CompleteRequest>) => {
    const request = { ...helloRequest(), providerOptions: { mock: { reply: 'one two three four' } }, ...limits };
    return mockBackend({ seed: 0, latencyMs: 0, tokensPerSecond: 0, errorRate: 0 }, fakeClock())(testCall({ request }));
  };

  it('are kept: max_tokens cuts, and the answer says so', async () => {
    const { content, finishReason, usage } = await limited({ maxTokens: 2 });
    expect(content[0]?.part.value).toBe('one two');
    expect(finishReason).toBe(FinishReason.LENGTH);
    expect(usage?.outputTokens).toBe(2n);
  });

  it('are kept: a stop text ends the answer before it', async () => {
    const { content, finishReason } = await limited({ stop: ['four', ' three'] });
    expect(content[0]?.part.value).toBe('one two');
    expect(finishReason).toBe(FinishReason.STOP);
  });

  it('do not cut an answer that keeps them', async () => {
    expect(await limited({ maxTokens: 4, stop: ['five'] })).toMatchObject({ finishReason: FinishReason.STOP });
  });
});
