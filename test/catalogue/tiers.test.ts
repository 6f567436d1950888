import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ModelLifecycle, ModelSchema, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { targetsByTier } from '../../src/catalogue/tiers.ts';

const model = (id: string, more: MessageInitShape<typeof ModelSchema> = {}) =>
  create(ModelSchema, { provider: 'p', id, allowed: true, tier: ModelTier.FAST, ...more });

const namesOf = (ofTier: ReturnType<typeof targetsByTier>, tier = ModelTier.FAST) =>
  ofTier(tier).map((target) => `${target.provider}/${target.model}`);

it('has the models of a tier, in their order', () => {
  const models = [model('b'), model('a'), model('c', { tier: ModelTier.PREMIUM }), model('a', { provider: 'o' })];
  const ofTier = targetsByTier(() => models);
  expect(namesOf(ofTier)).toEqual(['p/b', 'p/a', 'o/a']);
  expect(namesOf(ofTier, ModelTier.PREMIUM)).toEqual(['p/c']);
  expect(namesOf(ofTier, ModelTier.BALANCED)).toEqual([]);
});

it('leaves out what may not be called, or is no longer served', () => {
  const models = [
    model('a', { allowed: false }),
    model('b', { lifecycle: ModelLifecycle.RETIRED }),
    model('c', { lifecycle: ModelLifecycle.DEPRECATED }),
  ];
  expect(namesOf(targetsByTier(() => models))).toEqual(['p/c']);
});

it('puts behind what its provider does not list', () => {
  const models = [model('a', { listed: false }), model('b', { listed: true }), model('c')];
  expect(namesOf(targetsByTier(() => models))).toEqual(['p/b', 'p/c', 'p/a']);
});

it('looks at the models again when the list is another one, and only then', () => {
  let looks = 0;
  const watched = (id: string) => ({
    ...model(id),
    get allowed() {
      looks++;
      return true;
    },
  });
  let models = [watched('a')];
  const ofTier = targetsByTier(() => models);
  expect([namesOf(ofTier), namesOf(ofTier), looks]).toEqual([['p/a'], ['p/a'], 1]);
  models = [watched('b')];
  expect([namesOf(ofTier), namesOf(ofTier), looks]).toEqual([['p/b'], ['p/b'], 2]);
});
