import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReasoningEffort, ReasoningSchema } from '#gen/antiphon/v1/completion_pb.js';
import {
  askedEffort,
  budgetForEffort,
  type Effort,
  effortForBudget,
  efforts,
  nearestEffort,
} from '../../../src/dialects/grammar/efforts.ts';
import { sentEffort } from '../../../src/dialects/grammar/sent-effort.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';

const effort = (value: ReasoningEffort) => create(ReasoningSchema, { amount: { case: 'effort', value } });
const budget = (value: number) => create(ReasoningSchema, { amount: { case: 'budgetTokens', value } });
const anyEffort = fc.constantFrom(...efforts);

describe('what is asked for', () => {
  it('is each effort that the contract has', () => {
    const { NONE, MINIMAL, LOW, MEDIUM, HIGH, XHIGH, MAX } = ReasoningEffort;
    expect([NONE, MINIMAL, LOW, MEDIUM, HIGH, XHIGH, MAX].map((value) => askedEffort(effort(value)))).toEqual(efforts);
  });

  it('is nothing where nothing is said', () => {
    for (const reasoning of [undefined, create(ReasoningSchema), effort(ReasoningEffort.UNSPECIFIED)])
      expect(askedEffort(reasoning)).toBeUndefined();
  });

  it.each<[number, Effort]>([
    [0, 'minimal'],
    [1_024, 'minimal'],
    [1_025, 'low'],
    [8_192, 'medium'],
    [16_385, 'xhigh'],
    [32_769, 'max'],
  ])('with a budget of %i is %s', (tokens, word) => expect(askedEffort(budget(tokens))).toBe(word));
});

describe('budgets', () => {
  it('and words turn into each other, but for none', () => {
    for (const word of efforts.slice(1)) expect(effortForBudget(budgetForEffort(word))).toBe(word);
    expect(budgetForEffort('none')).toBe(0);
  });

  it('grow with the words', () => {
    const all = efforts.map(budgetForEffort);
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  });
});

describe('the nearest', () => {
  it.each<[Effort, readonly Effort[], Effort | undefined]>([
    ['low', ['none', 'low'], 'low'],
    ['none', ['low', 'high'], 'low'],
    ['max', ['low', 'high'], 'high'],
    ['medium', ['low', 'high'], 'high'],
    ['medium', ['high', 'low'], 'high'],
    ['low', [], undefined],
  ])('to %s of %j is %s', (asked, known, expected) => expect(nearestEffort(asked, known)).toBe(expected));

  it('is itself where it is known, and else nothing known is nearer', () => {
    const property = fc.property(anyEffort, fc.uniqueArray(anyEffort, { minLength: 1 }), (asked, known) => {
      const nearest = nearestEffort(asked, known);
      const distance = (word: Effort) => Math.abs(efforts.indexOf(word) - efforts.indexOf(asked));
      expect(nearest && distance(nearest)).toBe(Math.min(...known.map(distance)));
      expect(known).toContain(nearest);
    });
    fc.assert(property);
  });
});

describe('what is sent', () => {
  const { LOW, MINIMAL } = ReasoningEffort;
  it.each<[string, ReturnType<typeof effort> | undefined, readonly Effort[], Effort | undefined, string[]]>([
    ['what is known', effort(LOW), ['low'], 'low', []],
    ['another', effort(MINIMAL), ['low'], 'low', ['reasoning.effort']],
    ['a word for a budget', budget(2_000), ['low'], 'low', ['reasoning.budget_tokens']],
    ['nothing: none is known', effort(LOW), [], undefined, ['reasoning']],
    ['nothing: nothing is asked for', undefined, [], undefined, []],
  ])('%s', (_, reasoning, known, expected, fields) => {
    const warnings = new Warnings();
    expect(sentEffort(reasoning, known, warnings)).toBe(expected);
    expect(warnings.all.map(({ field }) => field)).toEqual(fields);
  });
});
