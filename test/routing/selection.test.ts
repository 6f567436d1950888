import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { ModelAbility, ModelLifecycle, ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { lazyDemand } from '../../src/routing/demand.ts';
import { fallbackFinder } from '../../src/routing/fallbacks.ts';
import { text, user } from '../support/requests.ts';
import {
  anyChance,
  type CallInit,
  callOf,
  everyStrategy,
  nameOf,
  namesOf,
  routeOf,
  seeded,
  shares,
  someTargets,
  targetOf,
} from './routes.ts';
import { type Place, selecting } from './selecting.ts';

const named = (model: string): CallInit => ({ request: { model } });
const chosen = (place: Place, call: CallInit): readonly string[] => namesOf(selecting(place)(callOf(call)).targets);
const reasonOf = (place: Place, call: CallInit): string => selecting(place)(callOf(call)).reason;
const warningsOf = (place: Place, call: CallInit) => selecting(place)(callOf(call)).warnings;
const refusal = (place: Place, call: CallInit) => {
  try {
    selecting(place)(callOf(call));
  } catch (thrown) {
    return thrown;
  }
  return expect.fail('was not refused');
};

const cheap = routeOf('priority', ['b/1', 'a/1'], { name: 'cheap' });
const kept = routeOf('round_robin', ['a/1', 'b/1'], { name: 'kept', sticky: true });
const fast: Place = {
  known: {
    'b/1': { tier: ModelTier.FAST },
    'a/2': { tier: ModelTier.FAST },
    'c/1': { tier: ModelTier.BALANCED },
    'd/1': { tier: ModelTier.PREMIUM },
    'e/1': { tier: ModelTier.FAST, lifecycle: ModelLifecycle.RETIRED },
  },
};

describe('what a call names', () => {
  it.each<[Place, CallInit, readonly string[], string]>([
    [{}, named('b/1'), ['b/1'], 'named with its provider'],
    [{}, named('only-c'), ['c/only-c'], 'named'],
    [{}, named('1'), ['a/1', 'b/1', 'c/1', 'd/1', 'e/1'], 'named'],
    [{ providerOrder: ['c', 'x', 'b'] }, named('1'), ['c/1', 'b/1', 'a/1', 'd/1', 'e/1'], 'named'],
    [{ allowed: ['b/*', 'd/1'] }, named('1'), ['b/1', 'd/1'], 'named'],
    [{ defaultProvider: 'c' }, named('new'), ['c/new'], 'named, at the default provider'],
    [{ routes: [cheap] }, named('cheap'), ['b/1', 'a/1'], 'route cheap by priority'],
    [{ routes: [{ ...cheap, name: 'b/2' }] }, named('b/2'), ['b/1', 'a/1'], 'route b/2 by priority'],
    [{ defaultModel: 'c/2' }, {}, ['c/2'], 'the default model'],
    [fast, { request: { tier: ModelTier.FAST } }, ['a/2', 'b/1'], 'tier fast'],
    [{ ...fast, allowed: ['b/*'] }, { request: { tier: ModelTier.FAST } }, ['b/1'], 'tier fast'],
    [{ ...fast, providerOrder: ['b'] }, { request: { tier: ModelTier.FAST } }, ['b/1', 'a/2'], 'tier fast'],
    [
      { ...fast, tiers: [[ModelTier.FAST, cheap]] },
      { request: { tier: ModelTier.FAST } },
      ['b/1', 'a/1'],
      'tier fast by priority',
    ],
    [fast, { request: { complexity: TaskComplexity.SIMPLE } }, ['a/2', 'b/1'], 'complexity simple: tier fast'],
    [fast, { request: { complexity: TaskComplexity.MODERATE } }, ['c/1'], 'complexity moderate: tier balanced'],
    [fast, { request: { complexity: TaskComplexity.COMPLEX } }, ['d/1'], 'complexity complex: tier premium'],
    [
      { ...fast, complexity: [[TaskComplexity.SIMPLE, ModelTier.PREMIUM]] },
      { request: { complexity: TaskComplexity.SIMPLE } },
      ['d/1'],
      'complexity simple: tier premium',
    ],
    [{}, { policy: { rule: 'x', route: cheap } }, ['b/1', 'a/1'], 'rule x: route cheap by priority'],
    [{}, { ...named('only-c'), policy: { route: cheap } }, ['b/1', 'a/1'], 'rule x: route cheap by priority'],
    [{}, { ...named('only-c'), policy: {} }, ['c/only-c'], 'named'],
    [{ routes: [kept] }, named('kept'), ['a/1', 'b/1'], 'route kept by round_robin'],
    [{ routes: [kept] }, { ...named('kept'), session: 's' }, ['a/1', 'b/1'], 'route kept by session'],
  ])('%j and %j: %j, %s', (place, call, targets, reason) => {
    expect(chosen(place, call)).toEqual(targets);
    expect(reasonOf(place, call)).toBe(reason);
  });

  it('counts in this order: rule, model, tier, complexity, the default', () => {
    const place = { ...fast, defaultModel: 'e/2' };
    const request = { model: 'e/1', tier: ModelTier.PREMIUM, complexity: TaskComplexity.MODERATE };
    expect(chosen(place, { request, policy: { route: cheap } })[0]).toBe('b/1');
    expect(chosen(place, { request })).toEqual(['e/1']);
    expect(chosen(place, { request: { ...request, model: '' } })).toEqual(['d/1']);
    expect(chosen(place, { request: { complexity: TaskComplexity.MODERATE } })).toEqual(['c/1']);
    expect(chosen(place, {})).toEqual(['e/2']);
  });

  it('is not passed over silently', () => {
    const request = { model: 'e/1', tier: ModelTier.PREMIUM, complexity: TaskComplexity.MODERATE };
    const code = WarningCode.DROPPED;
    const byModel = 'Left out: the field model has chosen the model.';
    const byRule = 'Left out: a rule of the server has chosen the model.';
    expect(warningsOf(fast, { request })).toMatchObject([
      { code, field: 'tier', message: byModel },
      { code, field: 'complexity', message: byModel },
    ]);
    expect(warningsOf(fast, { request: { tier: request.tier }, policy: { route: cheap } })).toMatchObject([
      { code, field: 'tier', message: byRule },
    ]);
    expect(warningsOf(fast, { request: { ...request, model: '' } })).toMatchObject([
      { field: 'complexity', message: 'Left out: the field tier has chosen the model.' },
    ]);
    expect(warningsOf(fast, { request: { complexity: request.complexity } })).toEqual([]);
  });
});

describe('a refusal', () => {
  it.each<[Place, CallInit, string, RegExp]>([
    [{}, named('new'), 'model_not_found', /"new"/],
    [{}, named('openai/gpt-5'), 'provider_not_configured', /"openai"/],
    [{}, {}, 'invalid_request', /names no model/],
    [
      {},
      { request: { tier: ModelTier.BALANCED } },
      'model_not_found',
      /tier balanced .* under routing\.tiers\.balanced/,
    ],
    [{ ...fast, allowed: ['c/*'] }, { request: { tier: ModelTier.FAST } }, 'model_not_found', /tier fast/],
    [{}, { request: { complexity: TaskComplexity.COMPLEX } }, 'model_not_found', /tier premium/],
    [{ allowed: ['b/*'] }, named('a/1'), 'model_not_allowed', /"a\/1" is not allowed here/],
    [{ allowed: ['b/*'], defaultModel: 'a/1' }, {}, 'model_not_allowed', /"a\/1" is not allowed here/],
    [{ allowed: ['c/*'], routes: [cheap] }, named('cheap'), 'model_not_allowed', /"cheap" is not allowed here/],
    [{ allowed: ['c/*'] }, { policy: { route: cheap } }, 'model_not_allowed', /"b\/1" is not allowed here/],
    [{}, named('fallback/sorry'), 'model_not_found', /No fallback answer/],
  ])('%j and %j: %s', (place, call, kind, message) => {
    expect(refusal(place, call)).toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  it('names the target that the call would have gone to', () => {
    expect(refusal({ allowed: [], routes: [cheap] }, named('cheap'))).toMatchObject({
      facts: { target: { provider: 'b' } },
    });
  });

  it('is not avoided by what could be fallen back on', () => {
    const place = { allowed: ['b/*'], fallbackAnswers: ['sorry'], last: targetOf('fallback/sorry') };
    const canary = { to: targetOf('b/2'), share: 1 };
    const call = {
      request: { model: 'a/1', fallbackModels: ['b/1'] },
      policy: { fallbacks: [targetOf('b/1')], canary },
    };
    expect(refusal(place, call)).toMatchObject({ kind: 'model_not_allowed' });
  });
});

describe('what the model must be able to do', () => {
  const image = user({ part: { case: 'image', value: { source: { case: 'url', value: 'https://example.com/' } } } });
  const known = {
    'a/1': { abilities: [ModelAbility.TOOLS] },
    'b/1': { abilities: [ModelAbility.IMAGE_INPUT] },
    'c/1': { maxInputTokens: 1_500, abilities: [ModelAbility.IMAGE_INPUT, ModelAbility.TOOLS] },
  };
  const route = routeOf('priority', ['a/1', 'b/1', 'c/1', 'd/1']);
  const choose = (request: CallInit['request'], strategy = route.strategy) =>
    chosen({ known, routes: [{ ...route, strategy }] }, { request: { model: 'r', ...request } });

  it('moves back those that are known to lack it', () => {
    expect(choose({})).toEqual(['a/1', 'b/1', 'c/1', 'd/1']);
    expect(choose({ messages: [image] })).toEqual(['b/1', 'c/1', 'd/1', 'a/1']);
    expect(choose({ tools: [{ name: 'f' }] })).toEqual(['a/1', 'c/1', 'd/1', 'b/1']);
    expect(choose({ messages: [image], tools: [{ name: 'f' }] })).toEqual(['c/1', 'd/1', 'a/1', 'b/1']);
    expect(choose({ messages: [user(text('a'.repeat(6_004)))] })).toEqual(['a/1', 'b/1', 'd/1', 'c/1']);
  });

  it('changes nothing where all of them lack it', () => {
    const place = { known, routes: [routeOf('priority', ['a/1', 'b/1'])] };
    expect(chosen(place, { request: { model: 'r', messages: [image], tools: [{ name: 'f' }] } })).toEqual([
      'a/1',
      'b/1',
    ]);
  });

  it('goes before what the caller prefers, and before a canary', () => {
    const image_ = { messages: [image] };
    expect(choose({ ...image_, preferredProviders: ['a', 'c'] })).toEqual(['c/1', 'b/1', 'd/1', 'a/1']);
    const place = { known, routes: [route] };
    const policy = { canary: { to: targetOf('a/1'), share: 1 }, route: routeOf('priority', ['b/1']) };
    expect(chosen(place, { request: image_, policy })).toEqual(['b/1', 'a/1']);
    expect(reasonOf(place, { request: image_, policy })).toBe('rule x: route r by priority');
    expect(chosen(place, { policy })).toEqual(['a/1', 'b/1']);
    const named = { request: { model: 'b/1', ...image_ }, policy: { canary: policy.canary } };
    expect(chosen(place, named)).toEqual(['b/1', 'a/1']);
  });

  it('counts for tiers, and not for a model that is named', () => {
    const tiers = {
      known: {
        ...known,
        'a/1': { ...known['a/1'], tier: ModelTier.FAST },
        'b/1': { ...known['b/1'], tier: ModelTier.FAST },
      },
    };
    expect(chosen(tiers, { request: { tier: ModelTier.FAST, messages: [image] } })).toEqual(['b/1', 'a/1']);
    expect(chosen(tiers, { request: { model: '1', messages: [image] } })[0]).toBe('a/1');
  });

  it('leaves the turns fair among those that can', () => {
    const select = selecting({ known, routes: [{ ...route, strategy: 'round_robin' }] });
    const call = callOf({ request: { model: 'r', messages: [image] } });
    const firsts = Array.from({ length: 6 }, () => namesOf(select(call).targets)[0]);
    expect(firsts).toEqual(['b/1', 'c/1', 'd/1', 'b/1', 'c/1', 'd/1']);
  });

  it('has the price of what the call is expected to use decide', () => {
    const usages: unknown[] = [];
    const costNanoUsd = ({ provider }: { provider: string }, usage: unknown) => {
      usages.push(usage);
      return provider === 'b' ? 1 : 2;
    };
    const place: Place = { routes: [{ ...route, strategy: 'least_cost' }], measures: { costNanoUsd } };
    expect(chosen(place, { request: { model: 'r', maxTokens: 3 } })[0]).toBe('b/1');
    expect(usages[0]).toMatchObject({ inputTokens: 2n, outputTokens: 3n });
  });
});

describe('a canary', () => {
  const policy = { route: cheap, canary: { to: targetOf('c/1'), share: 0.25 } };

  it('comes first for its share of the calls, with the others behind it', () => {
    expect(chosen({ chances: [0.2499] }, { policy })).toEqual(['c/1', 'b/1', 'a/1']);
    expect(reasonOf({ chances: [0.2499] }, { policy })).toBe('canary of rule x');
    expect(chosen({ chances: [0.25] }, { policy })).toEqual(['b/1', 'a/1']);
  });

  it('takes a session or leaves it, as a whole, and by its share', () => {
    const select = selecting({ chances: [0] });
    const first = (session: string) => namesOf(select(callOf({ session, policy })).targets)[0];
    const sessions = Array.from({ length: 10_000 }, (_, i) => `session-${i}`);
    const taken = sessions.filter((session) => first(session) === 'c/1');
    expect(Math.abs(taken.length / sessions.length - 0.25)).toBeLessThan(0.022);
    expect(taken.slice(0, 100).map(first)).toEqual(taken.slice(0, 100).map(() => 'c/1'));
    const more = { ...policy, canary: { ...policy.canary, share: 0.3 } };
    for (const session of taken)
      expect(nameOf(select(callOf({ session, policy: more })).targets[0] ?? targetOf('/'))).toBe('c/1');
  });

  it('is not sent to where it is not allowed', () => {
    expect(chosen({ allowed: ['a/*', 'b/*'] }, { policy })).toEqual(['b/1', 'a/1']);
  });

  it('is one target with the same among the others', () => {
    expect(chosen({}, { policy: { ...policy, canary: { to: targetOf('a/1'), share: 1 } } })).toEqual(['a/1', 'b/1']);
  });

  it('gives way to a provider that the caller prefers', () => {
    const call = { request: { preferredProviders: ['a'] }, policy };
    expect(chosen({}, call)).toEqual(['a/1', 'c/1', 'b/1']);
    expect(reasonOf({}, call)).toBe('rule x: route cheap by priority, at a preferred provider');
  });
});

describe('preferred providers', () => {
  const preferring = (...preferredProviders: string[]): CallInit => ({ request: { model: '1', preferredProviders } });

  it('come first, in their order, and the others stay as they are', () => {
    expect(chosen({}, preferring('d', 'b'))).toEqual(['d/1', 'b/1', 'a/1', 'c/1', 'e/1']);
    expect(reasonOf({}, preferring('d', 'b'))).toBe('named, at a preferred provider');
    expect(reasonOf({}, preferring('a', 'b'))).toBe('named');
  });

  it('are named in a warning if they are not there', () => {
    const place = { routes: [routeOf('priority', ['b/2', 'a/1', 'a/2'])] };
    const call = { request: { model: 'r', preferredProviders: ['nobody', 'a', ''] } };
    expect(chosen(place, call)).toEqual(['a/1', 'a/2', 'b/2']);
    const message = 'Left out: no provider of this name is switched on here.';
    expect(warningsOf(place, call)).toMatchObject([
      { code: WarningCode.DROPPED, field: 'preferred_providers[0]', message },
      { code: WarningCode.DROPPED, field: 'preferred_providers[2]', message },
    ]);
  });
});

describe('what is fallen back on', () => {
  const falling = (...fallbackModels: string[]): CallInit => ({ request: { model: 'b/1', fallbackModels } });

  it('comes after what was chosen: first that of the rule, then that of the request, then the last of all', () => {
    const place = { routes: [cheap], fallbackAnswers: ['sorry'], last: targetOf('fallback/sorry') };
    const call = { ...falling('cheap', '2', 'c/1'), policy: { fallbacks: [targetOf('e/1'), targetOf('c/1')] } };
    expect(chosen(place, call)).toEqual([
      ...['b/1', 'e/1', 'c/1', 'a/1', 'a/2', 'b/2', 'c/2', 'd/2', 'e/2', 'fallback/sorry'],
    ]);
  });

  it('is left out with a warning where it is not known or not allowed', () => {
    const place = { allowed: ['b/*', 'c/1'] };
    const call = { ...falling('a/1', 'b/2', 'new', 'openai/gpt-5', '1'), policy: { fallbacks: [targetOf('a/2')] } };
    expect(chosen(place, call)).toEqual(['b/1', 'b/2', 'c/1']);
    const unknown = 'Left out: no provider that is switched on here is known to have this model.';
    expect(warningsOf(place, call)).toMatchObject([
      {
        code: WarningCode.DROPPED,
        field: 'fallback_models[0]',
        message: 'Left out: governance does not allow this model here.',
      },
      { code: WarningCode.DROPPED, field: 'fallback_models[2]', message: unknown },
      { code: WarningCode.DROPPED, field: 'fallback_models[3]', message: unknown },
    ]);
  });

  it('takes no turns from the calls that go to a route first', () => {
    const select = selecting({ routes: [routeOf('round_robin', ['a/1', 'a/2'])] });
    const first = (call: CallInit, at: number) => namesOf(select(callOf(call)).targets)[at];
    const inTurn = Array.from({ length: 4 }, () => [first(named('r'), 0), first(falling('r'), 1)]);
    expect(inTurn).toEqual([
      ['a/1', 'a/1'],
      ['a/2', 'a/2'],
      ['a/1', 'a/1'],
      ['a/2', 'a/2'],
    ]);
  });

  it('does not hide a defect', () => {
    const broken = () => {
      throw new TypeError('broken');
    };
    const call = callOf(falling('x'));
    const find = fallbackFinder({ named: broken }, () => []);
    expect(() => find(call, lazyDemand(call.request))).toThrow(TypeError);
  });
});

describe('answers that need no model', () => {
  const place = { allowed: ['a/*'], fallbackAnswers: ['sorry'] };

  it('can be named, and governance has nothing to do with them', () => {
    expect(chosen(place, named('fallback/sorry'))).toEqual(['fallback/sorry']);
    expect(reasonOf(place, named('fallback/sorry'))).toBe('a fallback answer, by name');
    const route = routeOf('priority', ['fallback/sorry', 'fallback/other']);
    expect(chosen(place, { policy: { route } })).toEqual(['fallback/sorry']);
    expect(chosen(place, { request: { model: 'a/1', fallbackModels: ['fallback/sorry'] } })).toEqual([
      'a/1',
      'fallback/sorry',
    ]);
  });

  it.each(everyStrategy)('come after all models that are chosen by %s', (strategy) => {
    const measures = { latencyMs: () => 5, busy: () => 5, costNanoUsd: () => 5 };
    const route = routeOf(strategy, ['fallback/sorry', 'a/1', 'a/2'], { sticky: true });
    for (const session of ['', 's1', 's2', 's3', 's4'])
      for (const chance of [0, 0.3, 0.6, 0.99])
        expect(chosen({ ...place, measures, chances: [chance] }, { policy: { route }, session })[2]).toBe(
          'fallback/sorry',
        );
  });

  it('come after all models, whoever names these, unless one is chosen', () => {
    const fallbacks = [targetOf('fallback/sorry'), targetOf('a/2')];
    const call = { request: { model: 'a/1', fallbackModels: ['a/3'] }, policy: { fallbacks } };
    expect(chosen(place, call)).toEqual(['a/1', 'a/2', 'a/3', 'fallback/sorry']);
    expect(chosen(place, { ...call, request: { ...call.request, model: 'fallback/sorry' } })).toEqual([
      'fallback/sorry',
      'a/2',
      'a/3',
    ]);
  });

  it('come after models that are known to lack what the request needs', () => {
    const known = { 'a/1': { maxInputTokens: 1 } };
    const route = routeOf('priority', ['a/1', 'fallback/sorry']);
    expect(chosen({ ...place, known }, { policy: { route } })).toEqual(['a/1', 'fallback/sorry']);
  });

  it('are the last of all once', () => {
    expect(chosen({ ...place, last: targetOf('fallback/sorry') }, named('fallback/sorry'))).toEqual(['fallback/sorry']);
  });
});

describe('any selection', () => {
  const allowedPatterns = fc.subarray(['a/*', 'b/1', '2', 'c/*', 'd/1', 'e/*'], { minLength: 1 });
  const texts = fc.array(fc.constantFrom('a/1', 'b/2', '1', '2', 'r', 's', 'new', 'c/x', 'fallback/sorry'), {
    maxLength: 5,
  });
  const anyCall = fc.record({
    fallbackModels: texts,
    preferredProviders: fc.array(fc.constantFrom<string>('a', 'b', 'c', 'x'), { maxLength: 4 }),
    session: fc.constantFrom('', 's1', 's2'),
    fallbacks: someTargets(0),
    canary: fc.option(fc.constantFrom('a/1', 'c/1'), { nil: undefined }),
    sticky: fc.boolean(),
    targets: someTargets(),
    other: someTargets(),
    chances: fc.array(anyChance, { minLength: 1, maxLength: 4 }),
    allowed: allowedPatterns,
  });
  type AnyCall = typeof anyCall extends fc.Arbitrary<infer T> ? T : never;

  /** Undefined: it was refused. */
  function selected(any: AnyCall, strategy = everyStrategy[0] ?? 'priority') {
    const { sticky, targets, other, allowed, canary, fallbacks } = any;
    const routes = [routeOf(strategy, targets, { sticky }), routeOf(strategy, other, { name: 's', sticky })];
    const place = { routes, allowed, chances: any.chances, fallbackAnswers: ['sorry'] };
    const { fallbackModels, preferredProviders, session } = any;
    const share = canary ? { to: targetOf(canary), share: 0.5 } : undefined;
    const policy = { fallbacks: fallbacks.map(targetOf), canary: share };
    try {
      return selecting(place)(callOf({ request: { model: 'r', fallbackModels, preferredProviders }, session, policy }));
    } catch {
      return undefined;
    }
  }

  it('has no target twice, none that is not allowed, and at least one', () => {
    fc.assert(
      fc.property(anyCall, fc.constantFrom(...everyStrategy), (any, strategy) => {
        const selection = selected(any, strategy);
        if (!selection) return;
        const names = namesOf(selection.targets);
        expect(new Set(names).size).toBe(names.length);
        expect(names).not.toEqual([]);
        const matches = (name: string) =>
          any.allowed.some(
            (p) => p === name || p === name.slice(2) || (p.endsWith('*') && name.startsWith(p.slice(0, -1))),
          );
        expect(names.filter((name) => name !== 'fallback/sorry' && !matches(name))).toEqual([]);
      }),
    );
  });

  it('has the same targets whatever the strategy, and is refused alike', () => {
    fc.assert(
      fc.property(anyCall, fc.constantFrom(...everyStrategy), (any, strategy) => {
        const sorted = (selection: ReturnType<typeof selected>) => selection && [...namesOf(selection.targets)].sort();
        const call = { ...any, canary: undefined };
        expect(sorted(selected(call, strategy))).toEqual(sorted(selected(call)));
      }),
    );
  });

  it('is the same for the same chances', () => {
    fc.assert(
      fc.property(anyCall, fc.constantFrom(...everyStrategy), (any, strategy) => {
        expect(selected(any, strategy)).toEqual(selected(any, strategy));
      }),
    );
  });

  it('has preferred providers first and keeps the order otherwise', () => {
    fc.assert(
      fc.property(anyCall, fc.constantFrom(...everyStrategy), (any, strategy) => {
        const call = { ...any, fallbacks: [], fallbackModels: [] };
        const plain = selected({ ...call, preferredProviders: [] }, strategy);
        const ranks = [...new Set(any.preferredProviders)];
        const rank = ([provider = '']: string) => [...ranks, provider].indexOf(provider);
        const sorted = plain && namesOf(plain.targets).toSorted((x, y) => rank(x) - rank(y));
        const preferred = selected(call, strategy);
        expect(preferred && namesOf(preferred.targets)).toEqual(sorted);
      }),
    );
  });

  it('gives a reason in words that are none of the caller’s, and of a bounded length', () => {
    const secret = 'Rumpelstiltskin';
    const name = 'n'.repeat(300);
    const call = {
      request: { model: secret, fallbackModels: [secret, 'b/1'], preferredProviders: [secret] },
      session: secret,
    };
    const selection = selecting({ defaultProvider: 'c', allowed: ['b/*', secret] })(callOf(call));
    const { reason, warnings } = selection;
    expect(JSON.stringify([reason, warnings])).not.toContain('Rumpel');
    expect(reasonOf({ routes: [{ ...cheap, name }] }, named(name))).toHaveLength(200);
  });
});

it('shares the calls of a weighted route by weight, through everything', () => {
  const random = seeded(7);
  const select = selecting({
    routes: [routeOf('weighted', ['a/1*9', 'b/1*1'])],
    chances: Array.from({ length: 40_000 }, random),
  });
  const call = callOf(named('r'));
  const share = shares(20_000, () => namesOf(select(call).targets)[0])['a/1'] ?? 0;
  expect(Math.abs(share - 0.9)).toBeLessThan(0.011);
});
