import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CompleteResponse,
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
  ResponseFormatSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { type Call, newTrail } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import type { News, ShadowComparison } from '../../src/core/news.ts';
import { noPolicy } from '../../src/core/policy.ts';
import { noSpan } from '../../src/core/span.ts';
import { addSpent } from '../../src/core/spent.ts';
import type { Target } from '../../src/core/target.ts';
import { shadow } from '../../src/layers/shadow.ts';
import { hang, helloRequest, listSink, settle, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const main: Target = { provider: 'p', model: 'main' };
const other: Target = { provider: 'q', model: 'other' };

const answer = (text: string, totalNanoUsd?: bigint): CompleteResponse =>
  create(CompleteResponseSchema, {
    content: [{ part: { case: 'text', value: text } }, { part: { case: 'refusal', value: 'not counted' } }],
    ...(totalNanoUsd === undefined ? {} : { cost: { status: CostStatus.PRICED, totalNanoUsd } }),
  });
const nano = (totalNanoUsd: bigint) => create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd });

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  await settle();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

/** A layer whose calls and shadows are answered by hand. */
function setUp({ share = 1, maxActive = 16 } = {}) {
  const clock = fakeClock();
  const news: News[] = [];
  const sent: { call: Call; end: PromiseWithResolvers<CompleteResponse> }[] = [];
  const send = (call: Call) => {
    const end = Promise.withResolvers<CompleteResponse>();
    sent.push({ call, end });
    return Promise.race([end.promise, hang(call)]);
  };
  const shadows = shadow({ send, clock, tell: (one) => news.push(one) }, maxActive);
  const policy = { ...noPolicy, shadowing: { to: other, share }, limits: { totalMs: 5 } };
  const begin = (overrides: Partial<Call> = {}) => {
    const end = Promise.withResolvers<CompleteResponse>();
    const call = testCall({ policy, trail: { ...newTrail(), target: main }, ...overrides });
    const given = shadows.layer(() => end.promise)(call);
    given.catch(() => undefined);
    return { call, end, given };
  };
  const advance = async (ms = 1) => {
    await settle();
    clock.advance(ms);
    await settle();
  };
  return { clock, news, sent, shadows, begin, advance };
}

const compared = (news: readonly News[]): readonly ShadowComparison[] =>
  news.flatMap((one) => (one.type === 'shadowed' ? [one.comparison] : []));

describe('a shadow', () => {
  it('is compared with the answer that the caller got', async () => {
    const { clock, news, sent, begin, advance } = setUp();
    const { end } = begin();
    await advance(10);
    end.resolve(answer('four', 10n));
    await advance(20);
    sent[0]?.end.resolve(answer('sixsix', 7n));
    await advance();
    expect(compared(news)).toEqual([
      {
        target: main,
        shadow: other,
        error: undefined,
        durationMs: 10,
        shadowDurationMs: 20,
        costNanoUsd: 10,
        shadowCostNanoUsd: 7,
        length: 4,
        shadowLength: 6,
        fitsSchema: undefined,
        shadowFitsSchema: undefined,
      },
    ]);
    expect(clock.pending).toBe(0);
  });

  it('that is over first waits for the call', async () => {
    const { news, sent, begin, advance, clock } = setUp();
    const { end } = begin();
    await advance();
    sent[0]?.end.resolve(answer('b'));
    await advance(50);
    expect(news).toEqual([]);
    end.resolve(answer('a'));
    await advance();
    expect(compared(news)).toMatchObject([{ durationMs: 51, shadowDurationMs: 0, costNanoUsd: undefined }]);
    expect(clock.pending).toBe(0);
  });

  it('that fails is told with the kind of its error, and what it cost all the same', async () => {
    const { news, sent, begin, advance } = setUp();
    const { end, given } = begin();
    await advance();
    addSpent(sent[0]?.call.trail ?? newTrail(), undefined, nano(3n));
    sent[0]?.end.reject(new GatewayError('upstream_timeout', 'late'));
    end.resolve(answer('a'));
    await advance();
    expect(compared(news)).toMatchObject([{ error: 'upstream_timeout', shadowLength: 0, shadowCostNanoUsd: 3 }]);
    await expect(given).resolves.toBeDefined();
  });

  it('costs with all its tries, and so does the answer', async () => {
    const { news, sent, begin, advance } = setUp();
    const { end, call } = begin();
    await advance();
    addSpent(call.trail, undefined, nano(5n));
    addSpent(sent[0]?.call.trail ?? newTrail(), undefined, nano(6n));
    end.resolve(answer('a', 100n));
    sent[0]?.end.resolve(answer('b', 200n));
    await advance();
    expect(compared(news)).toMatchObject([{ costNanoUsd: 105, shadowCostNanoUsd: 206 }]);
  });

  it('has no known cost without a price', async () => {
    const { news, sent, begin, advance } = setUp();
    const { end } = begin();
    await advance();
    const unpriced = answer('a');
    unpriced.cost = create(CostSchema, { status: CostStatus.UNPRICED });
    end.resolve(unpriced);
    sent[0]?.end.resolve(unpriced);
    await advance();
    expect(compared(news)).toMatchObject([{ costNanoUsd: undefined, shadowCostNanoUsd: undefined }]);
  });

  it('is held against the shape that was asked for', async () => {
    const { news, sent, begin, advance } = setUp();
    const request = helloRequest();
    request.responseFormat = create(ResponseFormatSchema, { format: { case: 'jsonObject', value: {} } });
    const { end } = begin({ request });
    const second = begin({ request });
    await advance();
    end.resolve(answer('{}'));
    sent[0]?.end.resolve(answer('words'));
    second.end.resolve(answer('words'));
    sent[1]?.end.reject(new GatewayError('upstream_error', 'no'));
    await advance();
    expect(compared(news)).toMatchObject([
      { fitsSchema: true, shadowFitsSchema: false },
      { fitsSchema: false, shadowFitsSchema: undefined },
    ]);
  });

  it('is a call of its own', async () => {
    const { sent, begin, advance } = setUp();
    const { call } = begin({ sink: listSink(), deadlineMs: 5_000, priority: 'high', targets: [main], answerByMs: 7 });
    await advance();
    const copy = sent[0]?.call;
    expect(copy).toMatchObject({
      priority: 'low',
      targets: [other],
      target: other,
      isLast: false,
      request: call.request,
    });
    expect([copy?.sink, copy?.deadlineMs, copy?.answerByMs, copy?.span]).toEqual([
      undefined,
      undefined,
      undefined,
      noSpan,
    ]);
    expect(copy?.trail).not.toBe(call.trail);
    expect(copy?.signal).not.toBe(call.signal);
    expect(copy?.policy.limits).toEqual({ totalMs: 5 });
    expect(call.trail).toEqual({ ...newTrail(), target: main });
  });
});

describe('the caller', () => {
  it('gets the very promise of the layers below, before anything of the shadow is done', async () => {
    const { sent, shadows, advance } = setUp();
    const given = Promise.resolve(answer('a'));
    const order: string[] = [];
    const call = testCall({ policy: { ...noPolicy, shadowing: { to: other, share: 1 } } });
    const got = shadows.layer(() => {
      order.push('sent');
      return given;
    })(call);
    expect(got).toBe(given);
    await settle();
    expect([order, sent]).toEqual([['sent'], []]);
    await advance();
    expect(sent).toHaveLength(1);
    await shadows.close();
  });

  it.each([
    [0, 0, 0],
    [0.3, 0.299, 1],
    [0.3, 0.3, 0],
    [1, 0.999, 1],
  ])('is shadowed with a share of %d by a chance of %d: %i', async (share, chance, times) => {
    const { clock, sent, begin, advance, shadows } = setUp({ share });
    clock.chances = [chance];
    begin();
    await advance();
    expect(sent).toHaveLength(times);
    await shadows.close();
  });

  it('who has no such rule costs no chance', () => {
    const { clock, begin, sent } = setUp();
    clock.random = () => expect.fail('drawn');
    begin({ policy: noPolicy });
    expect([clock.pending, sent]).toEqual([0, []]);
  });

  it('who leaves ends the shadow', async () => {
    const { clock, news, sent, begin, advance } = setUp();
    const controller = new AbortController();
    const { end } = begin({ signal: controller.signal });
    await advance();
    const gone = new GatewayError('cancelled', 'gone');
    controller.abort(gone);
    expect(sent[0]?.call.signal.reason).toBe(gone);
    end.reject(gone);
    await advance();
    expect([news, clock.pending]).toEqual([[], 0]);
  });

  it('who leaves with the answer does not', async () => {
    const { news, sent, begin, advance } = setUp();
    const controller = new AbortController();
    const { end } = begin({ signal: controller.signal });
    end.resolve(answer('a'));
    await advance();
    controller.abort(new GatewayError('cancelled', 'gone'));
    sent[0]?.end.resolve(answer('b'));
    await advance();
    expect(compared(news)).toHaveLength(1);
  });

  it('who has left already is not shadowed', async () => {
    const { clock, sent, begin, advance } = setUp();
    const controller = new AbortController();
    controller.abort(new GatewayError('cancelled', 'gone'));
    begin({ signal: controller.signal });
    await advance();
    expect([sent, clock.pending]).toEqual([[], 0]);
  });
});

describe('nothing is told', () => {
  it.each([
    ['before the shadow was sent', 0],
    ['after it', 1],
  ])('of a call that fails %s, and its shadow ends', async (_, ms) => {
    const { clock, news, sent, begin, advance } = setUp();
    const { end } = begin();
    await advance(ms);
    end.reject(new GatewayError('upstream_error', 'no'));
    await advance();
    expect(sent.map(({ call }) => call.signal.reason?.kind)).toEqual(ms ? ['cancelled'] : []);
    expect([news, clock.pending]).toEqual([[], 0]);
  });

  it('of a call that fails after its shadow', async () => {
    const { clock, news, sent, begin, advance } = setUp();
    const { end } = begin();
    await advance();
    sent[0]?.end.resolve(answer('b'));
    await advance();
    end.reject(new GatewayError('upstream_error', 'no'));
    await advance();
    expect([news, clock.pending]).toEqual([[], 0]);
  });

  it('where nothing is known of who answered', async () => {
    const { news, sent, begin, advance } = setUp();
    const { end } = begin({ trail: newTrail() });
    end.resolve(answer('a'));
    await advance();
    sent[0]?.end.resolve(answer('b'));
    await advance();
    expect(news).toEqual([]);
  });
});

describe('the bound', () => {
  it('is kept, and what is beyond it is told and not sent', async () => {
    const { news, sent, begin, advance, shadows } = setUp({ maxActive: 2 });
    begin();
    const { end } = begin();
    begin();
    await advance();
    expect([sent.length, news]).toEqual([2, [{ type: 'shadow_skipped', target: other }]]);
    end.resolve(answer('a'));
    sent[1]?.end.resolve(answer('b'));
    await advance();
    begin();
    await advance();
    expect(sent).toHaveLength(3);
    await shadows.close();
  });

  it('is 16', async () => {
    const clock = fakeClock();
    const news: News[] = [];
    const { layer, close } = shadow({ send: hang, clock, tell: (one) => news.push(one) });
    const policy = { ...noPolicy, shadowing: { to: other, share: 1 } };
    for (let i = 0; i < 17; i++) void layer(hang)(testCall({ policy }));
    expect(news).toHaveLength(1);
    await close();
    expect(clock.pending).toBe(0);
  });
});

describe('close', () => {
  it('ends all, and no other begins', async () => {
    const { clock, sent, shadows, begin, advance, news } = setUp();
    begin();
    await advance();
    const { end } = begin();
    await shadows.close();
    expect(sent.map(({ call }) => call.signal.reason?.kind)).toEqual(['shutting_down']);
    begin();
    end.resolve(answer('a'));
    await advance();
    expect([sent.length, clock.pending, news]).toEqual([1, 0, []]);
    await shadows.close();
  });

  it('waits for what takes its time to end', async () => {
    const clock = fakeClock();
    const ending = Promise.withResolvers<CompleteResponse>();
    const { layer, close } = shadow({ send: () => ending.promise, clock, tell: () => undefined });
    void layer(hang)(testCall({ policy: { ...noPolicy, shadowing: { to: other, share: 1 } } }));
    clock.advance(1);
    await settle();
    let closed = false;
    const over = close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    ending.reject(new Error('ended'));
    await over;
  });
});

it('whatever happens in whatever order: nothing is left, and no more is told than there were answers', async () => {
  type Step = 'begin' | 'advance' | 'answer' | 'fail' | 'shadow answers' | 'shadow fails' | 'leave';
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step>('begin', 'advance', 'answer', 'fail', 'shadow answers', 'shadow fails', 'leave'),
      fc.nat({ max: 4 }),
    ),
    { maxLength: 30 },
  );
  const property = fc.asyncProperty(steps, async (all) => {
    const { clock, news, sent, shadows, begin, advance } = setUp({ maxActive: 3 });
    const calls: (ReturnType<typeof begin> & { controller: AbortController })[] = [];
    let answers = 0;
    for (const [step, i] of all) {
      const one = calls[i];
      if (step === 'begin') {
        const controller = new AbortController();
        calls.push({ ...begin({ signal: controller.signal }), controller });
      } else if (step === 'advance') await advance();
      else if (step === 'answer') one?.end.resolve(answer('a'));
      else if (step === 'fail') one?.end.reject(new GatewayError('upstream_error', 'no'));
      else if (step === 'shadow answers') sent[i]?.end.resolve(answer('b'));
      else if (step === 'shadow fails') sent[i]?.end.reject(new GatewayError('internal', 'no'));
      else one?.controller.abort(new GatewayError('cancelled', 'gone'));
      if (step === 'answer') answers++;
    }
    await shadows.close();
    await settle();
    expect(clock.pending).toBe(0);
    expect(compared(news).length).toBeLessThanOrEqual(answers);
  });
  await fc.assert(property, { numRuns: 100 });
});
