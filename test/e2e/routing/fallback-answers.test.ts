import { describe, expect, it } from 'vitest';
import { BrokenStreamPolicy, CostStatus, FinishReason, WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { everyStrategy } from '../../routing/routes.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { breaksOff, gives, hangs, refuses, says } from './answers.ts';
import {
  type Asked,
  callLines,
  type Door,
  events,
  from,
  type How,
  hows,
  metric,
  said,
  setStage,
  tries,
  whole,
} from './stage.ts';

const answers = { sorry: 'Sorry ({{reason}}, {{request_type}}, {{request_id}}).', other: 'Later.' };
const ways: readonly (readonly [How, Door])[] = [
  ['unary', 'gRPC'],
  ['stream', 'gRPC'],
  ['unary', 'Connect'],
  ['stream', 'Connect'],
];

const free = { status: CostStatus.PRICED, totalNanoUsd: 0n, priceSource: 'fallback' };
const warned = [{ code: WarningCode.FALLBACK_ANSWER }];

describe.each(ways)('where no model answers (%s, %s)', (how, door) => {
  it.each<[string, object, Asked]>([
    ['of the request', { answers }, { fallbackModels: ['fallback/sorry'] }],
    ['of the configuration', { answers, always: 'sorry' }, {}],
    [
      'of the request before that of the configuration',
      { answers, always: 'other' },
      { fallbackModels: ['fallback/sorry'] },
    ],
  ])('the caller gets the answer %s', async (_, fallback, asked) => {
    const stage = await setStage({ a: refuses(503) }, { file: { fallback } });
    const reply = await stage.ask({ model: 'a/one', requestType: 'summary', ...asked }, { how, door });
    const { id, finishReason, warnings, cost, usage } = whole(reply);
    expect(said(reply)).toBe(`Sorry (UPSTREAM_OVERLOADED, summary, ${id}).`);
    expect(from(reply)).toBe('fallback/sorry');
    expect(finishReason).toBe(FinishReason.FALLBACK);
    expect(warnings).toMatchObject(warned);
    expect(cost).toMatchObject(free);
    expect(usage?.totalTokens).toBe(0n);
    expect(tries(reply)).toEqual(['a/one: upstream overloaded: went on to fallback/sorry', 'fallback/sorry: ']);
    if (how === 'stream') expect(events(reply)).toEqual(['start', 'textDelta', 'completed']);
    expect(callLines(stage)).toMatchObject([
      { status: 'OK', provider: 'fallback', finish_reason: 'fallback', fallbacks: 1 },
    ]);
    expect(await metric(stage, 'llm_fallbacks_total', ['provider="a"', 'to_provider="fallback"'])).toBe(1);
    expect(await stage.gateway.metrics()).toMatch(/^llm_fallback_answers_total(?:\{[^}]*\})? 1$/m);
  });

  it('a request may name one', async () => {
    const stage = await setStage({ a: says('A') }, { file: { fallback: { answers } } });
    const reply = await stage.ask({ model: 'fallback/other' }, { how, door });
    expect([said(reply), from(reply)]).toEqual(['Later.', 'fallback/other']);
    expect(stage.asked).toEqual([]);
  });

  it('with all models switched off, everything gets it, and no connection is opened', async () => {
    const probes = { enabled: true, every_ms: 1_000 };
    const file = { fallback: { answers, always: 'sorry' }, probes, catalogue: { refresh_ms: 60_000 } };
    const clock = fakeClock();
    const stage = await setStage({ a: says('A') }, { file, env: { LLM_ENABLED: 'false' }, clock });
    clock.advance(120_000);
    const odd: readonly Asked[] = [
      {},
      { model: 'a/one' },
      { model: 'openai/gpt-6-luna' },
      { model: 'no such thing' },
      { model: 'fallback/other' },
      { tier: ModelTier.PREMIUM, preferredProviders: ['x'], fallbackModels: ['a/two'] },
    ];
    for (const asked of odd) {
      const reply = await stage.ask(asked, { how, door });
      expect(said(reply)).toMatch(/^Sorry \(DISABLED, , [\w-]+\)\.$/);
      expect(whole(reply)).toMatchObject({ finishReason: FinishReason.FALLBACK, warnings: warned });
      expect(whole(reply).selectionReason).toBe('models are switched off');
    }
    expect(stage.upstreams.a?.accepted).toBe(0);
  });
});

it('switched off by the environment alone, it says so in words of its own', async () => {
  const stage = await setStage({}, { env: { LLM_ENABLED: 'false' } });
  expect(said(await stage.ask({ model: 'a/one' }))).toBe('The language models are switched off. Try again later.');
  const named = await setStage({}, { env: { LLM_ENABLED: 'false', LLM_FALLBACK_TEXT: 'Closed.' } });
  expect(said(await named.ask())).toBe('Closed.');
});

describe.each(hows)('the answer of the configuration (%s)', (how) => {
  const file = { fallback: { answers, always: 'other' } };

  it('comes in time where a provider hangs', async () => {
    const stage = await setStage({ a: hangs }, { file });
    const reply = await stage.ask({ model: 'a/one' }, { how, timeoutMs: 3_000 });
    expect(said(reply)).toBe('Later.');
    await stage.closed('a');
  });

  it('comes after all other models', async () => {
    const stage = await setStage({ a: refuses(503), b: refuses(500) }, { file });
    const reply = await stage.ask({ model: 'a/one', fallbackModels: ['b/one'] }, { how });
    expect(stage.asked).toEqual(['a/one', 'b/one']);
    expect(from(reply)).toBe('fallback/other');
  });

  it.each(everyStrategy)('comes after the models of a route, though it is always at hand: %s', async (strategy) => {
    const routes = { r: { strategy, targets: ['fallback/sorry', 'a/one', 'b/one'] } };
    const stage = await setStage({ a: says('A'), b: says('B') }, { file: { ...file, routing: { routes } } });
    for (let n = 0; n < 6; n++) expect(from(await stage.ask({ model: 'r' }, { how }))).not.toBe('fallback/sorry');
    expect(stage.asked).toHaveLength(6);
  });

  it('comes after the models that the caller falls back on', async () => {
    const rules = [{ name: 'safe', match: {}, fallbacks: ['fallback/sorry'] }];
    const stage = await setStage({ a: refuses(503), b: says('B') }, { file: { ...file, routing: { rules } } });
    expect(from(await stage.ask({ model: 'a/one', fallbackModels: ['b/one'] }, { how }))).toBe('b/one');
  });

  it('is not for requests that are wrong', async () => {
    const stage = await setStage({ a: refuses(400) }, { file });
    expect((await stage.ask({ model: 'a/one' }, { how })).error?.errorInfo?.reason).toBe('UPSTREAM_REJECTED');
    expect((await stage.ask({ model: 'fallback/none' }, { how })).error?.errorInfo?.reason).toBe('MODEL_NOT_FOUND');
    expect((await stage.ask({ model: 'a/one', messages: [] }, { how })).error?.errorInfo?.reason).toBe(
      'INVALID_REQUEST',
    );
  });

  it('is not judged: nobody could say more', async () => {
    const rules = [
      { name: 'hard', match: {}, targets: ['a/one'], escalate: { on: ['schema', 'empty'], to: ['b/one'] } },
    ];
    const stage = await setStage({ a: refuses(503), b: says('{}') }, { file: { ...file, routing: { rules } } });
    const schema = { case: 'jsonSchema' as const, value: { name: 'n', schema: '{"type":"object"}' } };
    expect(from(await stage.ask({ responseFormat: { format: schema } }, { how }))).toBe('fallback/other');
    expect(stage.asked).toEqual(['a/one']);
  });

  it('does not take the place of an answer that is poor', async () => {
    const stage = await setStage({ a: gives({ content: '' }) }, { file });
    expect(from(await stage.ask({ model: 'a/one' }, { how }))).toBe('a/one');
  });
});

it('is there, too, where the mock plays every model', async () => {
  const file = { fallback: { answers, always: 'other' }, models: { default: 'a/one' } };
  const stage = await setStage({ a: says('A') }, { file, env: { USE_MOCK_LLM: 'true' } });
  expect(said(await stage.ask({ model: 'fallback/other' }))).toBe('Later.');
  expect(said(await stage.ask({ providerOptions: { mock: { fault: 'upstream_error' } } }))).toBe('Later.');
});

describe('a stream that has begun', () => {
  const file = { fallback: { answers, always: 'other' } };

  it('breaks off, unless its caller takes it from the start', async () => {
    const stage = await setStage({ a: breaksOff('On the one') }, { file });
    const broken = await stage.ask({ model: 'a/one' }, { how: 'stream' });
    expect(broken.error?.errorInfo?.reason).toBe('UPSTREAM_RESET');
    expect(events(broken)).toEqual(['start', 'textDelta']);
    const onBrokenStream = BrokenStreamPolicy.RESTART;
    const reply = await stage.ask({ model: 'a/one', onBrokenStream }, { how: 'stream' });
    expect(events(reply)).toEqual(['start', 'textDelta', 'restart', 'textDelta', 'completed']);
    expect(said(reply)).toBe('Later.');
  });
});

it('puts in once what a caller has written', async () => {
  const fallback = { answers: { a: '[{{source_agent}}|{{trace_id}}]' }, always: 'a' };
  const stage = await setStage({ a: refuses(503) }, { file: { fallback } });
  const context = { sourceAgent: '{{request_id}}$&$1', traceId: '{{reason}}' };
  expect(said(await stage.ask({ model: 'a/one', context }))).toBe('[{{request_id}}$&$1|{{reason}}]');
});
