import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Effort } from '../../../src/dialects/grammar/efforts.ts';
import { boundedTemperature, type Sampling, sampled } from '../../../src/dialects/grammar/sampling.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';

it.each<[Sampling, Effort | undefined, boolean]>([
  ['always', undefined, true],
  ['always', 'high', true],
  ['effort_none', 'none', true],
  ['effort_none', 'low', false],
  ['effort_none', undefined, false],
  ['never', 'none', false],
])('%s with the effort %s: %s', (sampling, effort, isTaken) => {
  const warnings = new Warnings();
  const request = create(CompleteRequestSchema, { temperature: 0, topP: 0.5 });
  const body = sampled(request, sampling, effort, warnings);
  expect(body).toEqual(isTaken ? { temperature: 0, top_p: 0.5 } : {});
  expect(warnings.all.map(({ field }) => field)).toEqual(isTaken ? [] : ['temperature', 'top_p']);
});

it('says nothing of what is not asked for', () => {
  const warnings = new Warnings();
  expect(sampled(create(CompleteRequestSchema), 'never', undefined, warnings)).toEqual({});
  expect(warnings.all).toEqual([]);
});

it.each<[number, number, number]>([
  [0, 1, 0],
  [1, 1, 1],
  [1.01, 1, 1],
  [2, 1.5, 1.5],
])('a temperature of %d where %d is the highest is %d', (temperature, highest, expected) => {
  const warnings = new Warnings();
  expect(boundedTemperature(temperature, highest, warnings)).toBe(expected);
  expect(warnings.all.map(({ field }) => field)).toEqual(temperature === expected ? [] : ['temperature']);
});
