import { describe, expect, it } from 'vitest';
import { WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { user } from '../../support/requests.ts';
import { refuses, says } from './answers.ts';
import { type Asked, from, hows, setStage, whole } from './stage.ts';

const works = { a: says('A'), b: says('B'), c: says('C') };
const fails = { a: refuses(503), b: refuses(503), c: refuses(503) };

const file = {
  models: { provider_order: ['a', 'b', 'c'], default: 'a/one', allowed: ['a/one', 'a/two', 'b/*', 'c/one'] },
  routing: {
    routes: {
      all: { targets: ['a/one', 'b/one', 'c/one'] },
      rest: { strategy: 'round_robin', targets: ['b/two', 'c/one'] },
    },
    rules: [{ name: 'kept', match: { request_types: ['kept'] }, fallbacks: ['c/one', 'b/one'] }],
  },
};

const NOT_KNOWN = 'Left out: no provider that is switched on here is known to have this model.';
const NOT_ALLOWED = 'Left out: governance does not allow this model here.';

describe('preferred_providers', () => {
  it.each<[Asked, readonly string[]]>([
    [{ model: 'all', preferredProviders: ['c', 'b'] }, ['c/one', 'b/one', 'a/one']],
    [{ model: 'all', preferredProviders: ['b'] }, ['b/one', 'a/one', 'c/one']],
    [{ model: 'one', preferredProviders: ['c'] }, ['c/one', 'a/one', 'b/one']],
    [{ model: 'two', preferredProviders: ['c', 'b'] }, ['b/two', 'a/two']],
    [{ preferredProviders: ['c'] }, ['a/one']],
    [{ model: 'a/one', preferredProviders: ['b'], fallbackModels: ['c/one', 'b/one'] }, ['a/one', 'c/one', 'b/one']],
  ])('%j: %j', async (asked, targets) => {
    const stage = await setStage(fails, { file });
    for (const how of hows) await stage.ask(asked, { how });
    expect(stage.asked).toEqual([...targets, ...targets]);
  });

  it('that are not there are left out with a warning, and the others count', async () => {
    const stage = await setStage(works, { file });
    const reply = await stage.ask({ model: 'all', preferredProviders: ['x', 'b', 'fallback'] });
    expect(from(reply)).toBe('b/one');
    const message = 'Left out: no provider of this name is switched on here.';
    expect(whole(reply).warnings).toMatchObject([
      { code: WarningCode.DROPPED, field: 'preferred_providers[0]', message },
      { code: WarningCode.DROPPED, field: 'preferred_providers[2]', message },
    ]);
    expect(whole(reply).selectionReason).toBe('route all by priority, at a preferred provider');
  });
});

describe('what a model is known to lack', () => {
  const catalogue = { models: { 'c/one': { abilities: ['tools'] }, 'a/one': { abilities: ['image_input'] } } };
  const data = new Uint8Array([1]);
  const image = { mediaType: 'image/png', source: { case: 'data' as const, value: data } };
  const picture = { part: { case: 'image' as const, value: image } };

  it.each<[Asked]>([[{ model: 'all', preferredProviders: ['c', 'a'] }], [{ requestType: 'early' }]])(
    'puts it behind the others, whatever is wished: %j',
    async (asked) => {
      const early = { name: 'early', match: { request_types: ['early'] }, route: 'all' };
      const rules = [{ ...early, canary: { to: 'c/one', percent: 100 } }];
      const stage = await setStage(works, { file: { ...file, catalogue, routing: { ...file.routing, rules } } });
      expect(from(await stage.ask(asked))).toBe('c/one');
      expect(from(await stage.ask({ ...asked, messages: [user(picture)] }))).toBe('a/one');
      expect(stage.asked).toEqual(['c/one', 'a/one']);
    },
  );
});

describe('fallback_models', () => {
  it.each<[Asked, readonly string[]]>([
    [{ model: 'a/one', fallbackModels: ['c/one', 'b/two'] }, ['a/one', 'c/one', 'b/two']],
    [{ fallbackModels: ['b/one'] }, ['a/one', 'b/one']],
    [{ model: 'a/one', fallbackModels: ['a/one', 'b/one', 'a/one', 'b/one'] }, ['a/one', 'b/one']],
    [{ model: 'b/one', fallbackModels: ['one'] }, ['b/one', 'a/one', 'c/one']],
    [{ model: 'a/two', fallbackModels: ['rest', 'a/one'] }, ['a/two', 'b/two', 'c/one', 'a/one']],
    [{ model: 'all', fallbackModels: ['b/two'] }, ['a/one', 'b/one', 'c/one', 'b/two']],
    [{ model: 'a/one', requestType: 'kept', fallbackModels: ['b/two', 'b/one'] }, ['a/one', 'c/one', 'b/one', 'b/two']],
  ])('%j: %j', async (asked, targets) => {
    const stage = await setStage(fails, { file });
    const { error } = await stage.ask(asked);
    expect(stage.asked).toEqual(targets);
    expect(error?.callFailure?.attempts.map(({ provider, model }) => `${provider}/${model}`)).toEqual(targets);
  });

  it('that are not known or not allowed are left out with a warning, and never called', async () => {
    const stage = await setStage({ ...fails, b: works.b }, { file });
    // The first provider takes any id that nobody is known to have, and governance has the last word.
    const fallbackModels = ['c/two', 'openai/gpt-6-luna', 'unheard-of', 'nowhere/one', 'fallback/none', 'b/one'];
    const reply = await stage.ask({ model: 'a/one', fallbackModels });
    expect(stage.asked).toEqual(['a/one', 'b/one']);
    const expected = [NOT_ALLOWED, NOT_KNOWN, NOT_ALLOWED, NOT_ALLOWED, NOT_KNOWN].map((message, i) => ({
      code: WarningCode.DROPPED,
      field: `fallback_models[${i}]`,
      message,
    }));
    expect(whole(reply).warnings).toMatchObject(expected);
  });

  it('do not make a call that is not allowed', async () => {
    const stage = await setStage(works, { file });
    const { error } = await stage.ask({ model: 'c/two', fallbackModels: ['b/one'] });
    expect(error?.errorInfo?.reason).toBe('MODEL_NOT_ALLOWED');
    expect(stage.asked).toEqual([]);
  });
});
