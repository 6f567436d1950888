import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  PromptCacheHintSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import type { PromptCaching } from '../../src/core/prompt-caching.ts';
import { estimateUsage } from '../../src/core/usage.ts';
import { PromptHints, type PromptPlace } from '../../src/thrift/prompt-hints.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { called, gave, said } from './conversations.ts';

const { USER, ASSISTANT, SYSTEM } = Role;
const TTL_MS = 300;
const MIN_TOKENS = 10;

const caching: PromptCaching = {
  marks: { minTokens: MIN_TOKENS, ttlMs: TTL_MS, parts: new Set(['text', 'toolResult']) },
  key: { minTokens: MIN_TOKENS },
};

const place: PromptPlace = { tenant: 'team:a', target: { provider: 'p', model: 'm' }, caching, isCheaper: true };
const unkeyed = { ...place, caching: { ...caching, key: undefined } };

const hintsOf = (maxPrefixes = 1_000, secret: string | undefined = 'secret', clock = fakeClock()) => ({
  hints: new PromptHints({ maxPrefixes, secret }, clock),
  clock,
});

const requestOf = (messages: readonly Message[], more: Partial<CompleteRequest> = {}): CompleteRequest => ({
  ...create(CompleteRequestSchema, { messages: [...messages] }),
  ...more,
});

/** The messages whose last part is marked; no other part may be. */
function markedIn({ messages }: CompleteRequest): number[] {
  for (const { content } of messages)
    expect(content.slice(0, -1).every(({ promptCache }) => promptCache === undefined)).toBe(true);
  return messages.flatMap(({ content }, at) => (content.at(-1)?.promptCache ? [at] : []));
}

const unmarked = (request: CompleteRequest): CompleteRequest => ({
  ...request,
  messages: request.messages.map((message) => ({
    ...message,
    content: message.content.map(({ promptCache: _, ...part }) => part),
  })),
});

const pool: readonly Message[] = [
  said(SYSTEM, 'Answer in verse. '.repeat(5)),
  said(SYSTEM, 'Short.'),
  said(USER, 'What is the weather like, and why? '.repeat(2)),
  said(USER, 'Hi.', 'And now something longer than that.'),
  said(ASSISTANT, 'It rains. '.repeat(6)),
  said(ASSISTANT, ' '),
  called('a'),
  gave(50, 'a'),
];

const step = fc.record({
  messages: fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 5 }),
  extends: fc.boolean(),
  tenant: fc.constantFrom('team:a', 'team:b'),
  tools: fc.boolean(),
  waitMs: fc.constantFrom(0, 1, TTL_MS - 1, TTL_MS, 2 * TTL_MS),
});

const tokensOf = (messages: readonly Message[], { tools }: CompleteRequest) =>
  Number(estimateUsage(create(CompleteRequestSchema, { messages: [...messages], tools }), []).inputTokens);

/** What is to be marked, found without any digest: each prefix is written out. */
class Expectation {
  readonly #untilMs = new Map<string, number>();

  of(request: CompleteRequest, tenant: string, nowMs: number): number[] {
    const { messages, tools } = request;
    const spoken = messages.findIndex(({ role }) => role !== SYSTEM);
    const instructions = (spoken === -1 ? messages.length : spoken) - 1;
    const may = messages.flatMap((message, at) => {
      const last = message.content.at(-1)?.part;
      const isMarkable = last?.case === 'toolResult' || (last?.case === 'text' && last.value.trim() !== '');
      return isMarkable && tokensOf(messages.slice(0, at + 1), request) >= MIN_TOKENS ? [at] : [];
    });
    const nameOf = (at: number) => JSON.stringify([tenant, tools, messages.slice(0, at + 1)]);
    const seen = may.filter((at) => (this.#untilMs.get(nameOf(at)) ?? 0) > nowMs);
    for (const at of [...may.filter((each) => each === instructions), ...may.slice(-2), ...seen.slice(-1)])
      this.#untilMs.set(nameOf(at), nowMs + TTL_MS);
    return [...new Set([...seen.filter((at) => at === instructions), ...seen.slice(-1)])];
  }
}

describe('marks', () => {
  it('stand where a prefix ends that came before, for the same tenant and not too long ago, and nowhere else', () => {
    let marks = 0;
    const property = fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const { hints, clock } = hintsOf();
      const expected = new Expectation();
      let last: readonly Message[] = [];
      for (const { messages, tenant, tools, waitMs, ...how } of steps) {
        clock.advance(waitMs);
        last = how.extends ? [...last, ...messages] : messages;
        const request = requestOf(last);
        if (tools) request.tools = create(CompleteRequestSchema, { tools: [{ name: 'look_up' }] }).tools;
        const before = toBinary(CompleteRequestSchema, request);
        const hinted = hints.hinted(request, { ...unkeyed, tenant });
        expect(markedIn(hinted)).toEqual(expected.of(request, tenant, clock.now()));
        marks += markedIn(hinted).length;
        expect(markedIn(hinted).length).toBeLessThanOrEqual(2);
        expect(toBinary(CompleteRequestSchema, request)).toEqual(before);
        expect(unmarked(hinted)).toEqual(unmarked(request));
        if (markedIn(hinted).length === 0) expect(hinted).toBe(request);
      }
    });
    fc.assert(property, { numRuns: 500 });
    expect(marks).toBeGreaterThan(100);
  });

  const long = said(SYSTEM, 'Answer in verse. '.repeat(5));
  const asking = (question: string) => requestOf([long, said(USER, question)]);

  it('are placed from the second sight on, for as long as the provider keeps what it has', () => {
    const { hints, clock } = hintsOf();
    const marksAfter = (waitMs: number, question: string) => {
      clock.advance(waitMs);
      return markedIn(hints.hinted(asking(question), unkeyed));
    };
    expect(marksAfter(0, 'one')).toEqual([]);
    expect(marksAfter(TTL_MS - 1, 'two')).toEqual([0]);
    expect(marksAfter(TTL_MS - 1, 'three')).toEqual([0]);
    expect(marksAfter(TTL_MS, 'four')).toEqual([]);
  });

  it('follow a conversation, one turn behind', () => {
    const { hints } = hintsOf();
    const turns = [
      long,
      said(USER, 'one'),
      said(ASSISTANT, 'I'),
      said(USER, 'two'),
      said(ASSISTANT, 'II'),
      said(USER, '3'),
    ];
    const marksOf = (count: number) => markedIn(hints.hinted(requestOf(turns.slice(0, count)), unkeyed));
    expect([2, 4, 6].map(marksOf)).toEqual([[], [0, 1], [0, 3]]);
  });

  it('stay for as long as prompts come that begin so, however they go on', () => {
    const { hints, clock } = hintsOf();
    const begun = [said(USER, 'One, and a little longer than that, so that it is kept?'), said(ASSISTANT, 'One.')];
    const marksOf = (...more: readonly string[]) =>
      markedIn(hints.hinted(requestOf([...begun, ...more.map((each) => said(USER, each))]), unkeyed));
    expect(marksOf('a')).toEqual([]);
    for (const last of ['b', 'c', 'd']) {
      clock.advance(TTL_MS - 1);
      expect(marksOf(`${last}1`, `${last}2`, `${last}3`)).toEqual([1]);
    }
  });

  it('look back no further than at the last messages of a long conversation, and at its instructions', () => {
    const { hints } = hintsOf();
    const many = Array.from({ length: 30 }, (_, i) => said(i % 2 === 0 ? USER : ASSISTANT, `message ${i} of many`));
    const marksOf = (count: number) => markedIn(hints.hinted(requestOf([long, ...many.slice(0, count)]), unkeyed));
    expect(marksOf(4)).toEqual([]);
    expect(marksOf(30)).toEqual([0]);
    expect(marksOf(30)).toEqual([0, 30]);
  });

  it.each<[string, CompleteRequest, PromptPlace]>([
    ['the price does not make up for it', asking('x'), { ...unkeyed, isCheaper: false }],
    ['the provider takes none', asking('x'), { ...unkeyed, caching: { marks: undefined, key: undefined } }],
    ['the prompt is short', requestOf([said(USER, 'x'.repeat(36))]), unkeyed],
    [
      'an option of the caller’s marks the prompt',
      { ...asking('x'), providerOptions: { p: { cache_control: { type: 'ephemeral' } } } },
      unkeyed,
    ],
    [
      'the caller has marked something',
      requestOf([
        long,
        { ...said(USER, 'x'), content: said(USER, 'x').content.map((part) => ({ ...part, ...hint() })) },
      ]),
      unkeyed,
    ],
  ])('are not placed where %s', (_, request, at) => {
    const { hints } = hintsOf();
    for (let i = 0; i < 3; i++) expect(hints.hinted(request, at)).toBe(request);
    expect(hints.size).toBe(0);
  });

  it('are placed for other targets and for another reading of the prompt only when they have seen it twice, too', () => {
    const { hints } = hintsOf();
    const model = { ...unkeyed, target: { provider: 'p', model: 'other' } };
    const provider = { ...unkeyed, target: { provider: 'other', model: 'm' } };
    const request = asking('x');
    const reasoning = create(CompleteRequestSchema, {
      reasoning: { amount: { case: 'budgetTokens', value: 5 } },
    }).reasoning;
    const inJson = { ...request, ...(reasoning ? { reasoning } : {}) };
    hints.hinted(request, unkeyed);
    for (const at of [model, provider]) expect(markedIn(hints.hinted(request, at))).toEqual([]);
    expect(markedIn(hints.hinted(inJson, unkeyed))).toEqual([]);
    expect(markedIn(hints.hinted(request, unkeyed))).toEqual([0, 1]);
  });

  it('are remembered within bounds', () => {
    const { hints } = hintsOf(10);
    for (let i = 0; i < 100; i++) hints.hinted(asking(`question ${i}`), unkeyed);
    expect(hints.size).toBe(10);
    expect(markedIn(hints.hinted(asking('question 0'), unkeyed))).toEqual([0]);
    expect(markedIn(hints.hinted(asking('question 99'), unkeyed))).toEqual([0, 1]);
  });

  it('are looked for in no more than some megabytes', () => {
    const { hints } = hintsOf();
    const huge = requestOf([long, said(USER, 'x'.repeat(5 * 1024 * 1024)), said(USER, 'and?')]);
    hints.hinted(huge, unkeyed);
    expect(markedIn(hints.hinted(huge, unkeyed))).toEqual([0]);
  });
});

const hint = () => ({ promptCache: create(PromptCacheHintSchema) });

describe('the key', () => {
  const instructions = said(SYSTEM, 'Answer in verse. '.repeat(5));
  const keyOf = (request: CompleteRequest, at: PromptPlace = place, { hints } = hintsOf()) =>
    hints.hinted(request, at).promptCacheKey;
  const base = keyOf(requestOf([instructions, said(USER, 'one')]));

  it('is 43 characters that say nothing', () => {
    expect(base).toMatch(/^[\w-]{43}$/);
  });

  it.each<[string, string, boolean]>([
    ['another question', keyOf(requestOf([instructions, said(USER, 'two')])), true],
    [
      'another process with the same secret',
      keyOf(requestOf([instructions, said(USER, 'one')]), place, hintsOf()),
      true,
    ],
    ['other instructions', keyOf(requestOf([said(SYSTEM, 'Be brief. '.repeat(9)), said(USER, 'one')])), false],
    ['another tenant', keyOf(requestOf([instructions]), { ...place, tenant: 'team:b' }), false],
    ['another secret', keyOf(requestOf([instructions]), place, hintsOf(1_000, 'other')), false],
  ])('for %s', (_, key, isSame) => {
    expect(key).not.toBe('');
    expect(key === base).toBe(isSame);
  });

  it('stays with a conversation whose instructions are short', () => {
    const [system, first] = [said(SYSTEM, 'Short.'), said(USER, 'A long question. '.repeat(4))];
    const later = [system, first, said(ASSISTANT, 'yes'), said(USER, 'and?')];
    expect(keyOf(requestOf(later))).toBe(keyOf(requestOf([system, first])));
    expect(keyOf(requestOf([system, said(USER, 'Another long question. '.repeat(4))]))).not.toBe(
      keyOf(requestOf(later)),
    );
  });

  it('is the process’s own without a secret, and lasts', () => {
    const hints = () => new PromptHints({ maxPrefixes: 1, secret: undefined }, fakeClock());
    const own = () => hints().hinted(requestOf([instructions]), place).promptCacheKey;
    expect(own()).not.toBe(base);
    expect(own()).toBe(own());
  });

  it.each<[string, CompleteRequest, PromptPlace, string]>([
    ['the caller’s stays', requestOf([instructions], { promptCacheKey: 'mine' }), place, 'mine'],
    ['none for a provider that does not route by it', requestOf([instructions]), unkeyed, ''],
    ['none for a prompt too short to be kept', requestOf([said(USER, 'hi')]), place, ''],
  ])('%s', (_, request, at, key) => {
    expect(keyOf(request, at)).toBe(key);
  });
});
