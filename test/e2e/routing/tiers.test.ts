import { describe, expect, it } from 'vitest';
import { WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { says } from './answers.ts';
import { type Asked, type Door, from, hows, setStage, whole } from './stage.ts';

const { FAST, BALANCED, PREMIUM } = ModelTier;
const { SIMPLE, MODERATE, COMPLEX } = TaskComplexity;

/** A provider whose models are built in, and one whose models only the configuration knows. */
const scripts = { openai: says('O'), own: says('M') };
const providers = { openai: { api: 'chat' }, own: { models: ['old', 'one', 'two', 'three'] } };
const env = { OPENAI_API_KEY: 'sk-test-key' };
const models = { provider_order: ['own', 'openai'], default: 'own/one' };

describe('tiers of the catalogue', () => {
  const old = { tier: 'fast', retirement_date: '2026-01-31' };
  const catalogue = { models: { 'own/old': old, 'own/two': { tier: 'fast' }, 'own/three': { tier: 'premium' } } };
  const stage = () => setStage(scripts, { file: { models, catalogue }, providers, env });

  it.each<[Asked, string, string]>([
    [{ tier: FAST }, 'own/two', 'tier fast'],
    [{ tier: BALANCED }, 'openai/gpt-6.1-terra', 'tier balanced'],
    [{ tier: PREMIUM }, 'own/three', 'tier premium'],
    [{ tier: FAST, preferredProviders: ['openai'] }, 'openai/gpt-6-luna', 'tier fast, at a preferred provider'],
    [{ complexity: SIMPLE }, 'own/two', 'complexity simple: tier fast'],
    [{ complexity: MODERATE }, 'openai/gpt-6.1-terra', 'complexity moderate: tier balanced'],
    [{ complexity: COMPLEX }, 'own/three', 'complexity complex: tier premium'],
    [{}, 'own/one', 'the default model'],
  ])('%j: %s', async (asked, target, reason) => {
    const { ask } = await stage();
    for (const how of hows) {
      const reply = await ask(asked, { how });
      expect(from(reply)).toBe(target);
      expect(whole(reply).selectionReason).toBe(reason);
      expect(whole(reply).warnings).toEqual([]);
    }
  });
});

it('a rule with a tier goes where a request with that tier goes, and not to a model that is gone', async () => {
  const catalogue = {
    models: { 'own/old': { tier: 'fast', retirement_date: '2026-01-31' }, 'own/two': { tier: 'fast' } },
  };
  const routing = { rules: [{ name: 'quick', match: { request_types: ['quick'] }, tier: 'fast' }] };
  const stage = await setStage(
    { own: says('M') },
    { file: { models: { default: 'own/one' }, catalogue, routing }, providers: { own: providers.own } },
  );
  for (const asked of [{ tier: FAST }, { requestType: 'quick' }]) expect(from(await stage.ask(asked))).toBe('own/two');
});

describe('tiers of the configuration', () => {
  const routing = {
    routes: { cheap: { targets: ['own/three', 'own/one'] } },
    tiers: {
      fast: 'cheap',
      balanced: ['own/two', 'own/one'],
      premium: { strategy: 'round_robin', targets: ['own/one', 'own/two'] },
    },
    complexity: { complex: 'balanced' },
  };
  const stage = () => setStage(scripts, { file: { models, routing }, providers, env });

  it.each<[Asked, readonly string[], string]>([
    [{ tier: FAST }, ['own/three', 'own/three'], 'tier fast by priority'],
    [{ tier: BALANCED }, ['own/two', 'own/two'], 'tier balanced by priority'],
    [{ tier: PREMIUM }, ['own/one', 'own/two'], 'tier premium by round_robin'],
    [{ complexity: SIMPLE }, ['own/three', 'own/three'], 'complexity simple: tier fast by priority'],
    [{ complexity: COMPLEX }, ['own/two', 'own/two'], 'complexity complex: tier balanced by priority'],
  ])('%j: %j', async (asked, targets, reason) => {
    const all = await stage();
    for (const _ of targets) expect(whole(await all.ask(asked)).selectionReason).toBe(reason);
    expect(all.asked).toEqual(targets);
  });
});

it.each<Door>(['gRPC', 'Connect'])('says through %s when a tier has no model, and asks nobody', async (door) => {
  const stage = await setStage({ own: says('M') }, { file: { models: { default: 'own/one' } } });
  const { error } = await stage.ask({ tier: FAST }, { door });
  expect(error?.errorInfo?.reason).toBe('MODEL_NOT_FOUND');
  expect(error?.message).toContain('routing.tiers.fast');
  expect(stage.asked).toEqual([]);
});

it('warns of a tier and a complexity that something else has made void', async () => {
  const { ask } = await setStage(scripts, { file: { models }, providers, env });
  const { warnings } = whole(await ask({ model: 'own/two', tier: FAST, complexity: COMPLEX }));
  expect(warnings).toMatchObject([
    { code: WarningCode.DROPPED, field: 'tier', message: 'Left out: the field model has chosen the model.' },
    { code: WarningCode.DROPPED, field: 'complexity' },
  ]);
});
