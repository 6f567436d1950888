import fc from 'fast-check';
import { BrokenStreamPolicy } from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import type { Asked } from './stage.ts';

/** A configuration, and what governance says in it. */
export interface Place {
  readonly allowed: readonly string[];
  readonly file: Readonly<Record<string, unknown>>;
}

const targets = ['a', 'b', 'c'].flatMap((provider) => ['one', 'two', 'three'].map((model) => `${provider}/${model}`));

const patterns = ['a/*', 'b/*', 'b/one', 'c/t*', '*/three', 'two', 'one', 'c/one', '*/*', 'new', 'a/new*'];

/** Written apart from the gateway's own: what the documentation says of patterns. */
export function isAllowed(allowed: readonly string[], name: string): boolean {
  const id = name.slice(name.indexOf('/') + 1);
  return allowed.some((pattern) => {
    const source = pattern.split('*').map((piece) => piece.replace(/[.\\^$+?()[\]{}|]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}$`, 's').test(pattern.includes('/') ? name : id);
  });
}

const strategies = ['priority', 'weighted', 'round_robin', 'least_cost', 'least_latency', 'least_busy'];
const causes = ['truncated', 'refused', 'empty', 'schema'];

/** Configurations are refused that name what is not allowed, so that they name only what is. */
function fileArbitrary(allowed: readonly string[]): fc.Arbitrary<Place> {
  const may = targets.filter((target) => isAllowed(allowed, target));
  if (may.length < 3) return fc.constant({ allowed, file: { models: { allowed, provider_order: ['c', 'a', 'b'] } } });
  const one = fc.constantFrom(...may);
  const some = fc.uniqueArray(one, { minLength: 1, maxLength: 4 });
  const route = fc.record({ strategy: fc.constantFrom(...strategies), targets: some });
  const rule = fc.record(
    {
      match: fc.constantFrom({}, { request_types: ['t1'] }, { models: ['*'] }, { models: ['a/*', 'new'] }),
      fallbacks: some,
      canary: fc.record({ to: one, percent: fc.constantFrom(50, 100) }),
      hedge: fc.record({ after_ms: fc.constantFrom(1, 5), max: fc.constantFrom(1, 3) }),
      escalate: fc.record({ on: fc.constant(causes), to: some }),
      shadow: fc.record({ to: one, percent: fc.constant(100) }),
      priority: fc.constant('high'),
    },
    { requiredKeys: ['match', 'priority'] },
  );
  return fc
    .record({
      routes: fc.dictionary(fc.constantFrom('r1', 'r2'), route, { maxKeys: 2 }),
      tiers: fc.record({ fast: route, balanced: some, premium: route }, { requiredKeys: [] }),
      rules: fc.array(rule, { maxLength: 3 }),
      retries: fc.constantFrom(0, 1),
      defaultModel: one,
    })
    .map(({ routes, tiers, rules, retries, defaultModel }) => ({
      allowed,
      file: {
        models: { allowed, provider_order: ['c', 'a', 'b'], default: defaultModel, default_provider: 'a' },
        routing: { routes, tiers, rules: rules.map((each, i) => ({ name: `rule-${i}`, ...each })) },
        retry: { max_retries: retries, base_ms: 1 },
        fallback: { answers: { sorry: 'Sorry.' } },
      },
    }));
}

export const anyPlace: fc.Arbitrary<Place> = fc
  .uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 3 })
  .chain(fileArbitrary);

const odd = ['', 'new', 'newer', 'a/', '/', 'a//one', 'A/one', 'b/one ', 'a/b/one', 'c/*', 'a/../b/one', '__proto__'];
const elsewhere = ['openai/gpt-6-luna', 'gpt-6-luna', 'fallback/sorry', 'fallback/none', 'mock/echo'];
const anyName = fc.constantFrom(...targets, 'one', 'two', 'three', 'r1', 'r2', ...odd, ...elsewhere);
const anyFallback = anyName.filter((name) => name !== '');

export const anyAsked: fc.Arbitrary<Asked> = fc.record(
  {
    model: anyName,
    tier: fc.constantFrom(ModelTier.UNSPECIFIED, ModelTier.FAST, ModelTier.BALANCED, ModelTier.PREMIUM),
    complexity: fc.constantFrom(TaskComplexity.UNSPECIFIED, TaskComplexity.SIMPLE, TaskComplexity.COMPLEX),
    preferredProviders: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'x', 'fallback', 'openai'), { maxLength: 3 }),
    fallbackModels: fc.array(anyFallback, { maxLength: 4 }),
    requestType: fc.constantFrom('t1', 't2'),
    context: fc.record({ sessionId: fc.constantFrom('', 's1', 's2', 's3') }),
    onBrokenStream: fc.constantFrom(BrokenStreamPolicy.FAIL, BrokenStreamPolicy.RESTART),
  },
  { requiredKeys: [] },
);
