import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompleteRequest, CompleteRequestSchema, type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { ContextAction } from '../../src/core/policy.ts';
import { estimateUsage } from '../../src/core/usage.ts';
import { type ContextLimits, type FitSettings, fitted } from '../../src/thrift/fit.ts';
import { called, gave, requests, said } from './conversations.ts';

const { USER, ASSISTANT, SYSTEM, DEVELOPER } = Role;

const unknown: ContextLimits = {
  contextWindowTokens: undefined,
  maxInputTokens: undefined,
  maxOutputTokens: undefined,
};

const limited = fc.record({
  contextWindowTokens: fc.option(fc.integer({ min: 1, max: 1_500 }), { nil: undefined }),
  maxInputTokens: fc.option(fc.integer({ min: 1, max: 1_500 }), { nil: undefined }),
  maxOutputTokens: fc.option(fc.integer({ min: 1, max: 500 }), { nil: undefined }),
});

const settings: fc.Arbitrary<FitSettings> = fc.record({
  marginPercent: fc.integer({ min: 0, max: 100 }),
  answerTokens: fc.integer({ min: 1, max: 300 }),
});

const actions = fc.constantFrom<readonly ContextAction[]>(
  ['reject'],
  ['trim_oldest'],
  ['clamp_max_tokens'],
  ['trim_oldest', 'clamp_max_tokens'],
  ['clamp_max_tokens', 'trim_oldest'],
);

const inputOf = (request: CompleteRequest) => Number(estimateUsage(request, []).inputTokens);
const isInstruction = ({ role }: Message) => role === SYSTEM || role === DEVELOPER;

/** Whether so much output has room beside the input, which is taken for more than it is. */
function hasRoom(request: CompleteRequest, output: number, limits: ContextLimits, marginPercent: number): boolean {
  const input = Math.ceil((inputOf(request) * (100 + marginPercent)) / 100);
  const { contextWindowTokens = Infinity, maxInputTokens = Infinity, maxOutputTokens = Infinity } = limits;
  return input <= maxInputTokens && input + Math.min(output, maxOutputTokens) <= contextWindowTokens;
}

/** Whether the messages behind the first `count` that are no instructions can stand alone, found by looking at each call. */
function mayLeaveOut(messages: readonly Message[], count: number): boolean {
  const gone = new Set(messages.filter((message) => !isInstruction(message)).slice(0, count));
  const left = messages.filter((message) => !gone.has(message));
  const lastUser = messages.findLast(({ role }) => role === USER);
  if (!lastUser || gone.has(lastUser) || left.find((message) => !isInstruction(message))?.role !== USER) return false;
  return messages.every((caller, i) =>
    caller.content.every(({ part }) => {
      if (part.case !== 'toolCall') return true;
      const { id } = part.value;
      const next = messages.findIndex((other, j) => j > i && other.content.some((each) => idOf(each.part) === id));
      const until = next === -1 ? messages.length : next;
      const results = messages.slice(i, until).filter((other) => other.content.some((each) => answers(each.part, id)));
      return results.every((result) => gone.has(result) === gone.has(caller));
    }),
  );
}

type Piece = Message['content'][number]['part'];
const idOf = (part: Piece) => (part.case === 'toolCall' ? part.value.id : undefined);
const answers = (part: Piece, id: string) => part.case === 'toolResult' && part.value.toolCallId === id;

const without = (request: CompleteRequest, count: number): CompleteRequest => {
  const gone = new Set(request.messages.filter((message) => !isInstruction(message)).slice(0, count));
  return { ...request, messages: request.messages.filter((message) => !gone.has(message)) };
};

const forAll = (
  check: (
    request: CompleteRequest,
    actions: readonly ContextAction[],
    limits: ContextLimits,
    settings: FitSettings,
  ) => void,
) => fc.assert(fc.property(requests, actions, limited, settings, check), { numRuns: 1_000 });

describe('what is made to fit', () => {
  it('fits, with a margin if anything was changed; or is refused, and fitted nothing', () => {
    forAll((request, acts, limits, how) => {
      const made = fitted(request, acts, limits, how);
      if (!made.fits) {
        expect(made).toEqual({ request, leftOut: 0, isClamped: false, fits: false });
        return;
      }
      const output = made.request.maxTokens ?? 1;
      expect(hasRoom(made.request, output, limits, 0)).toBe(true);
      if (made.leftOut > 0) expect(hasRoom(made.request, 1, limits, how.marginPercent)).toBe(true);
      if (made.isClamped && limits.contextWindowTokens !== undefined)
        expect(hasRoom(made.request, output, { ...limits, maxInputTokens: undefined }, how.marginPercent)).toBe(true);
    });
  });

  it('is refused only if it does not fit as it is', () => {
    forAll((request, acts, limits, how) => {
      const { fits } = fitted(request, acts, limits, how);
      const fitsAsItIs = hasRoom(request, request.maxTokens ?? 1, limits, 0);
      if (fitsAsItIs) expect(fits).toBe(true);
      if (acts.includes('reject')) expect(fits).toBe(fitsAsItIs);
    });
  });

  it('is the same again if it is done again', () => {
    forAll((request, acts, limits, how) => {
      const made = fitted(request, acts, limits, how);
      if (made.fits) expect(fitted(made.request, acts, limits, how).request).toBe(made.request);
    });
  });

  it('leaves the request as it was, and shares with it all that is left', () => {
    forAll((request, acts, limits, how) => {
      const before = toBinary(CompleteRequestSchema, request);
      const { request: made, leftOut } = fitted(request, acts, limits, how);
      expect(toBinary(CompleteRequestSchema, request)).toEqual(before);
      const kept = request.messages.filter((message) => made.messages.includes(message));
      expect(made.messages.every((message, i) => message === kept[i])).toBe(true);
      expect(made.messages.length).toBe(request.messages.length - leftOut);
      expect({ ...made, messages: [], maxTokens: 0 }).toEqual({ ...request, messages: [], maxTokens: 0 });
    });
  });

  it('leaves out the oldest only, no instruction, nothing from the last of the user’s on, and no half of an exchange', () => {
    forAll((request, acts, limits, how) => {
      const { request: made, leftOut } = fitted(request, acts, limits, how);
      if (leftOut === 0) return;
      expect(acts).toContain('trim_oldest');
      expect(made.messages).toEqual(without(request, leftOut).messages);
      expect(mayLeaveOut(request.messages, leftOut)).toBe(true);
    });
  });

  it('leaves out no more than it must', () => {
    forAll((request, acts, limits, how) => {
      if (!acts.includes('trim_oldest')) return;
      const { leftOut, fits } = fitted(request, acts, limits, how);
      const clamps = acts.includes('clamp_max_tokens');
      const asked = request.maxTokens ?? how.answerTokens;
      const wanted = clamps ? Math.min(asked, how.answerTokens) : asked;
      const counts = Array.from({ length: request.messages.length }, (_, i) => i);
      const may = counts.filter((count) => count === 0 || mayLeaveOut(request.messages, count));
      const does = (count: number, output: number) =>
        hasRoom(without(request, count), output, limits, how.marginPercent);
      const least = may.find((count) => does(count, wanted));
      const most = may.at(-1) ?? 0;
      const isSoft = clamps || request.maxTokens === undefined;
      if (least !== undefined) expect({ leftOut, fits }).toEqual({ leftOut: least, fits: true });
      else if (isSoft && does(most, 1)) expect({ leftOut, fits }).toEqual({ leftOut: most, fits: true });
      else expect(leftOut).toBe(0);
    });
  });

  it('has max_tokens lowered to what is left, never raised, and never set', () => {
    forAll((request, acts, limits, how) => {
      const { request: made, isClamped, fits } = fitted(request, acts, limits, how);
      if (!isClamped) {
        expect(made.maxTokens).toBe(request.maxTokens);
        return;
      }
      expect([fits, acts.includes('clamp_max_tokens')]).toEqual([true, true]);
      const lowered = made.maxTokens ?? 0;
      expect(lowered).toBeGreaterThan(0);
      expect(lowered).toBeLessThan(request.maxTokens ?? 0);
      const { contextWindowTokens = Infinity, maxOutputTokens = Infinity } = limits;
      const input = Math.ceil((inputOf(made) * (100 + how.marginPercent)) / 100);
      expect(lowered).toBe(Math.min(contextWindowTokens - input, maxOutputTokens));
    });
  });

  it('is the request itself where nothing is known of the model', () => {
    forAll((request, acts, _, how) => {
      const { request: made, fits } = fitted(request, acts, unknown, how);
      expect([made === request, fits]).toEqual([true, true]);
    });
  });
});

const text = (tokens: number) => 'x'.repeat(4 * tokens);
const ofMessages = (messages: readonly Message[], maxTokens?: number) =>
  create(CompleteRequestSchema, { messages: [...messages], ...(maxTokens === undefined ? {} : { maxTokens }) });
const how: FitSettings = { marginPercent: 0, answerTokens: 10 };
const window = (contextWindowTokens: number): ContextLimits => ({ ...unknown, contextWindowTokens });

describe('trim_oldest', () => {
  const [first, answer, second, third] = [
    said(USER, text(100)),
    said(ASSISTANT, text(100)),
    said(USER, text(100)),
    said(USER, text(100)),
  ];
  const system = said(SYSTEM, text(20));
  const inner = said(DEVELOPER, text(20));

  it.each<[string, readonly Message[], number, readonly Message[]]>([
    ['nothing if there is room', [first, answer, second], 310, [first, answer, second]],
    ['a question with its answer', [first, answer, second], 309, [second]],
    ['no instruction, wherever it stands', [system, first, inner, answer, second], 200, [system, inner, second]],
    ['calls with their results', [first, called('a'), gave(400, 'a'), second], 200, [second]],
    [
      'no call whose result comes after the next question',
      [first, answer, second, called('a'), third, gave(400, 'a')],
      330,
      [second, called('a'), third, gave(400, 'a')],
    ],
    ['an answer at the beginning', [answer, first, second], 210, [first, second]],
  ])('leaves out %s', (_, messages, contextWindowTokens, left) => {
    const { request, fits } = fitted(ofMessages(messages), ['trim_oldest'], window(contextWindowTokens), how);
    expect(fits).toBe(true);
    expect(request.messages).toEqual(left);
  });

  it.each<[string, readonly Message[]]>([
    ['what the tools gave to the last question', [third, called('a'), gave(4_000, 'a'), called('b'), gave(40, 'b')]],
    ['the last question itself', [first, answer, said(USER, text(1_000))]],
    ['a conversation without a user', [said(ASSISTANT, text(1_000)), said(ASSISTANT, text(10))]],
  ])('refuses rather than leaves out %s', (_, messages) => {
    expect(fitted(ofMessages(messages), ['trim_oldest'], window(500), how).fits).toBe(false);
  });

  it('does without the margin rather than refuse', () => {
    const request = ofMessages([said(USER, text(100))]);
    const withMargin = { ...how, marginPercent: 300 };
    expect(fitted(request, ['trim_oldest'], window(101), withMargin)).toMatchObject({ request, fits: true });
    expect(fitted(request, ['trim_oldest'], window(100), withMargin).fits).toBe(false);
  });
});

describe('clamp_max_tokens', () => {
  it.each<[number, number | undefined, number, number | undefined]>([
    [500, undefined, 1_000, 400],
    [500, 300, 1_000, 300],
    [500, undefined, 400, 400],
    [101, undefined, 2, 1],
  ])('a window of %i and at most %s of output: %i becomes %i', (contextWindowTokens, most, asked, sent) => {
    const limits = { ...window(contextWindowTokens), maxOutputTokens: most };
    const made = fitted(ofMessages([said(USER, text(100))], asked), ['clamp_max_tokens'], limits, how);
    expect([made.request.maxTokens, made.fits]).toEqual([sent, true]);
  });

  it('refuses where nothing is left', () => {
    const request = ofMessages([said(USER, text(100))], 1);
    expect(fitted(request, ['clamp_max_tokens'], window(100), how).fits).toBe(false);
  });
});

it('leaves out only as much as a short answer needs where both are allowed', () => {
  const messages = [said(USER, text(100)), said(USER, text(100)), said(USER, text(100))];
  const both: readonly ContextAction[] = ['clamp_max_tokens', 'trim_oldest'];
  const made = fitted(ofMessages(messages, 1_000), both, window(215), how);
  expect([made.leftOut, made.request.maxTokens]).toEqual([1, 15]);
});
