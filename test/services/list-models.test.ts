import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import {
  type ListModelsRequest,
  ListModelsRequestSchema,
  type Model,
  ModelAbility,
  ModelAvailability,
  ModelSchema,
  ModelTier,
} from '#gen/antiphon/v1/model_pb.js';
import { inOrder, listModels, liveModels } from '../../src/services/list-models.ts';

const { TOOLS, REASONING, IMAGE_INPUT } = ModelAbility;

type Init = Partial<Omit<ListModelsRequest, '$typeName' | '$unknown'>>;
const ask = (init: Init = {}): ListModelsRequest => create(ListModelsRequestSchema, init);
const idsOf = (models: readonly Model[]) => models.map(({ provider, id }) => `${provider}/${id}`);

const few = [
  { provider: 'a', id: 'one', tier: ModelTier.ECONOMY, abilities: [TOOLS], allowed: true },
  { provider: 'a', id: 'two', tier: ModelTier.PREMIUM, abilities: [TOOLS, REASONING], allowed: false },
  { provider: 'ab', id: 'one', abilities: [], allowed: true },
  { provider: 'b', id: 'vendor/three', tier: ModelTier.PREMIUM, abilities: [REASONING], allowed: true },
].map((init) => create(ModelSchema, init));

const many = (count: number): Model[] =>
  Array.from({ length: count }, (_, i) => create(ModelSchema, { provider: 'p', id: `m${String(i).padStart(5, '0')}` }));

/** All pages, one after the other. */
function walk(models: readonly Model[], init: Init): Model[][] {
  const pages: Model[][] = [];
  let pageToken = '';
  do {
    const page = listModels(models, ask({ ...init, pageToken }));
    pages.push(page.models);
    pageToken = page.nextPageToken;
    if (pages.length > models.length + 1) throw new Error('the pages do not end');
  } while (pageToken !== '');
  return pages;
}

const modelArbitrary = fc
  .record({
    provider: fc.constantFrom('a', 'ab', 'b', 'b-2', 'ö'),
    id: fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom(...'ab-/.0é€') }),
    tier: fc.constantFrom(ModelTier.UNSPECIFIED, ModelTier.ECONOMY, ModelTier.PREMIUM),
    abilities: fc.subarray([TOOLS, REASONING, IMAGE_INPUT]),
    allowed: fc.boolean(),
  })
  .map((init) => create(ModelSchema, init));

const modelsArbitrary = fc
  .uniqueArray(modelArbitrary, { selector: ({ provider, id }) => `${provider} ${id}`, maxLength: 30 })
  .map(inOrder);

const filterArbitrary = fc.record(
  {
    provider: fc.constantFrom('', 'a', 'b', 'nobody'),
    tier: fc.constantFrom(ModelTier.UNSPECIFIED, ModelTier.PREMIUM),
    abilities: fc.subarray([TOOLS, REASONING]),
    allowedOnly: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe('listModels', () => {
  it.each<[string, Init, string[]]>([
    ['nothing', {}, ['a/one', 'a/two', 'ab/one', 'b/vendor/three']],
    ['a provider', { provider: 'a' }, ['a/one', 'a/two']],
    ['a provider there is not', { provider: 'c' }, []],
    ['a tier', { tier: ModelTier.PREMIUM }, ['a/two', 'b/vendor/three']],
    ['an ability', { abilities: [REASONING] }, ['a/two', 'b/vendor/three']],
    ['all of several abilities', { abilities: [REASONING, TOOLS] }, ['a/two']],
    ['an ability that nothing has', { abilities: [99 as ModelAbility] }, []],
    ['what is allowed', { allowedOnly: true }, ['a/one', 'ab/one', 'b/vendor/three']],
    ['several at once', { allowedOnly: true, tier: ModelTier.PREMIUM, provider: 'b' }, ['b/vendor/three']],
  ])('filters by %s', (_, init, ids) => {
    const { models, nextPageToken } = listModels(few, ask(init));
    expect(idsOf(models)).toEqual(ids);
    expect(nextPageToken).toBe('');
  });

  it('walks all pages without loss or repetition, in order, none but the last short', () => {
    fc.assert(
      fc.property(modelsArbitrary, filterArbitrary, fc.integer({ min: 1, max: 9 }), (models, filter, pageSize) => {
        const pages = walk(models, { ...filter, pageSize });
        expect(pages.flat()).toEqual(listModels(models, ask({ ...filter, pageSize: 1_000 })).models);
        for (const page of pages.slice(0, -1)) expect(page).toHaveLength(pageSize);
        if (pages.length > 1) expect(pages.at(-1)).not.toEqual([]);
      }),
    );
  });

  it('goes on after its place when the models have changed in between', () => {
    const { nextPageToken } = listModels(few, ask({ pageSize: 2 }));
    const changed = inOrder([...few.slice(2), create(ModelSchema, { provider: 'a', id: 'zero' })]);
    expect(idsOf(listModels(changed, ask({ pageToken: nextPageToken })).models)).toEqual([
      'a/zero',
      'ab/one',
      'b/vendor/three',
    ]);
  });

  it.each([
    [0, 100],
    [1, 1],
    [1_000, 1_000],
    [1_001, 1_000],
    [2 ** 32 - 1, 1_000],
  ])('takes a page size of %i for %i', (pageSize, length) => {
    expect(listModels(many(1_200), ask({ pageSize })).models).toHaveLength(length);
  });

  it('gives no token where there is no more', () => {
    expect(listModels(many(100), ask()).nextPageToken).toBe('');
    expect(listModels(many(101), ask()).nextPageToken).not.toBe('');
    expect(listModels([], ask())).toMatchObject({ models: [], nextPageToken: '' });
  });

  const good = listModels(few, ask({ pageSize: 1 })).nextPageToken;

  it.each([
    ['something else', 'next'],
    ['a token with a character that is not of its alphabet', `${good}!`],
    ['a token with padding', `${good}=`],
    ['space', ' '],
    ['no UTF-8', Buffer.from([0xff, 0x20, 0xff]).toString('base64url')],
    ['a place without a provider', Buffer.from('one').toString('base64url')],
  ])('refuses as a token %s', (_, pageToken) => {
    expect(() => listModels(few, ask({ pageToken }))).toThrow(
      expect.objectContaining({
        kind: 'invalid_request',
        facts: { violations: [expect.objectContaining({ field: 'page_token' })] },
      }),
    );
  });

  it('accepts or refuses any token, and throws nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String()), (pageToken) => {
        try {
          listModels(few, ask({ pageToken }));
        } catch (thrown) {
          expect(thrown).toMatchObject({ kind: 'invalid_request' });
        }
      }),
    );
  });

  it('bounds the number of abilities', () => {
    expect(listModels(few, ask({ abilities: Array(16).fill(TOOLS) })).models).toHaveLength(2);
    expect(() => listModels(few, ask({ abilities: Array(17).fill(TOOLS) }))).toThrow(/abilities must have at most 16/);
  });
});

describe('inOrder', () => {
  it('sorts by provider, then by id', () => {
    fc.assert(
      fc.property(modelsArbitrary, (models) => {
        for (const [i, model] of models.entries()) {
          const before = models[i - 1];
          if (!before) continue;
          const providers = [before.provider, model.provider];
          expect(providers).toEqual(providers.toSorted());
          if (before.provider === model.provider) expect(before.id < model.id).toBe(true);
        }
      }),
    );
  });

  it('leaves what it is given', () => {
    const given = [...few].reverse();
    inOrder(given);
    expect(given).toEqual([...few].reverse());
  });
});

describe('liveModels', () => {
  it('has the models in order with the state of their providers, as it is now', () => {
    let status = HealthStatus.SERVING;
    const live = liveModels(
      () => [...few].reverse(),
      () => [
        { provider: 'a', status },
        { provider: 'gone', status },
      ],
    );
    const states = () => live().map(({ provider, availability }) => [provider, availability]);
    expect(idsOf(live())).toEqual(idsOf(few));
    expect(states()).toEqual([
      ['a', ModelAvailability.AVAILABLE],
      ['a', ModelAvailability.AVAILABLE],
      ['ab', ModelAvailability.UNSPECIFIED],
      ['b', ModelAvailability.UNSPECIFIED],
    ]);
    status = HealthStatus.DEGRADED;
    expect(states()[0]).toEqual(['a', ModelAvailability.DEGRADED]);
    expect(few[0]?.availability).toBe(ModelAvailability.UNSPECIFIED);
  });

  it('follows the list', () => {
    let list = few;
    const live = liveModels(
      () => list,
      () => [],
    );
    expect(live()).toHaveLength(4);
    list = few.slice(1);
    expect(live()).toHaveLength(3);
  });

  it('is made anew only when something has changed: a list may be long, and is asked for page by page', () => {
    let status = HealthStatus.SERVING;
    const list = many(3);
    const live = liveModels(
      () => list,
      () => [{ provider: 'p', status }],
    );
    const first = live();
    expect(live()).toBe(first);
    status = HealthStatus.DEGRADED;
    expect(live()).not.toBe(first);
  });

  it('gives messages that can be sent', () => {
    const [first] = liveModels(
      () => few,
      () => [{ provider: 'a', status: HealthStatus.SERVING }],
    )();
    const sent = toBinary(ModelSchema, first ?? create(ModelSchema));
    expect(fromBinary(ModelSchema, sent)).toMatchObject({ id: 'one', availability: ModelAvailability.AVAILABLE });
  });
});
