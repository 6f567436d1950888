import { describe, expect, it } from 'vitest';
import { ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { findModel } from '../../src/catalogue/catalogue.ts';
import { active, endedOn, endsOn, type Life, lifecycleOn } from '../../src/catalogue/facts.ts';
import { retirementOf } from '../../src/catalogue/retirement.ts';

const { ACTIVE, DEPRECATED, RETIRED } = ModelLifecycle;

describe('where a model is in its life', () => {
  it.each<[string, Life, string, ModelLifecycle]>([
    ['active', active, '2026-11-21', ACTIVE],
    ['before its last day', endsOn('2026-11-22'), '2026-11-21', DEPRECATED],
    ['on the day', endsOn('2026-11-21'), '2026-11-21', RETIRED],
    ['long after it, whatever its row says', endsOn('2025-01-01'), '2026-11-21', RETIRED],
    ['retired', endedOn('2026-01-05'), '2026-11-21', RETIRED],
    ['retired before the day that was announced', endedOn('2027-01-05'), '2026-11-21', RETIRED],
    ['retired on a day that nobody knows', endedOn(''), '2026-11-21', RETIRED],
  ])('%s', (_, life, today, expected) => {
    expect(lifecycleOn(today, life)).toBe(expected);
  });
});

describe('what is worth a warning', () => {
  const facts = findModel('openai', 'gpt-5');
  const given = (life: Life) => facts && { ...facts, ...life };

  it.each<[string, Life, string, { isOver: boolean; date: string } | undefined]>([
    ['an active model', active, '2026-11-21', undefined],
    ['91 days', endsOn('2027-02-20'), '2026-11-21', undefined],
    ['90 days', endsOn('2027-02-19'), '2026-11-21', { isOver: false, date: '2027-02-19' }],
    ['a day', endsOn('2026-11-22'), '2026-11-21', { isOver: false, date: '2026-11-22' }],
    ['none', endsOn('2026-11-21'), '2026-11-21', { isOver: true, date: '2026-11-21' }],
    ['long ago', endedOn('2026-01-05'), '2026-11-21', { isOver: true, date: '2026-01-05' }],
    ['nobody knows when', endedOn(''), '2026-11-21', { isOver: true, date: '' }],
  ])('%s', (_, life, today, expected) => {
    expect(retirementOf(given(life), today)).toEqual(expected && { ...expected, successor: undefined });
  });

  it('names the successor', () => {
    expect(retirementOf(findModel('anthropic', 'claude-3-5-sonnet'), '2026-11-21')).toEqual({
      isOver: true,
      date: '2025-10-28',
      successor: 'claude-sonnet-5-5',
    });
  });

  it('is nothing of a model that is not known', () => {
    expect(retirementOf(undefined, '2026-11-21')).toBeUndefined();
  });
});
