import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { modelPatterns } from '../../src/core/patterns.ts';
import { noPolicy, type Policy } from '../../src/core/policy.ts';
import type { Target } from '../../src/core/target.ts';
import { type Env, KEY, load, problemsOf, said } from './loading.ts';

const ENV: Env = { ...KEY, ANTHROPIC_API_KEY: 'sk-ant-0123456789', VLLM_BASE_URL: 'http://localhost:9/v1' };

const LUNA = { provider: 'openai', model: 'gpt-6-luna' };
const TERRA = { provider: 'openai', model: 'gpt-6.1-terra' };
const SOL = { provider: 'openai', model: 'gpt-6.1-sol' };
const HAIKU = { provider: 'anthropic', model: 'claude-haiku-5-5' };
const SONNET = { provider: 'anthropic', model: 'claude-sonnet-5-5' };
const OPUS = { provider: 'anthropic', model: 'claude-opus-5-5' };

const even = (...targets: Target[]) => targets.map((target) => ({ ...target, weight: 1 }));
const routing = (text: string, env: Env = ENV) => load(env, `routing: ${text}`).routing;
const problems = (text: string, env: Env = ENV) => said(env, `routing: ${text}`);
const rule = (fields: string) => `{ rules: [{ name: r, ${fields} }] }`;
const policyOf = (fields: string): Policy => routing(rule(fields)).rules[0]?.policy ?? noPolicy;

describe('routes', () => {
  it('have their models, in full and with weights', () => {
    const text =
      '{ routes: { a: { strategy: weighted, sticky: true, targets: [gpt-6-luna, { model: anthropic/claude-haiku-5-5, weight: 2 }, { model: openai/gpt-6.1-sol, weight: 0 }] } } }';
    expect(routing(text).routes).toEqual(
      new Map([
        [
          'a',
          {
            name: 'a',
            strategy: 'weighted',
            sticky: true,
            targets: [
              { ...LUNA, weight: 1 },
              { ...HAIKU, weight: 2 },
              { ...SOL, weight: 0 },
            ],
          },
        ],
      ]),
    );
  });

  it('are tried as they stand if nothing else is said', () => {
    expect(routing('{ routes: { b: { targets: [vllm/any/thing] } } }').routes.get('b')).toEqual({
      name: 'b',
      strategy: 'priority',
      sticky: false,
      targets: even({ provider: 'vllm', model: 'any/thing' }),
    });
  });

  const at = 'routing.routes.a';
  it.each([
    ['{}', `${at}.targets is missing`],
    ['{ targets: [] }', `${at}.targets is empty`],
    ['{ targets: [nothing-known] }', `${at}.targets[0] is not a model that a provider here is known to have`],
    ['{ targets: [openai/] }', `${at}.targets[0] has no id after the provider`],
    ['{ targets: [groq/x] }', `${at}.targets[0] is a model of a provider that is not on`],
    ['{ targets: [{ model: groq/x }] }', `${at}.targets[0].model is a model of a provider that is not on`],
    ['{ targets: [fallback/x] }', `${at}.targets[0] names an answer that is not there`],
    ['{ targets: [gpt-6-luna, openai/gpt-6-luna] }', `${at}.targets[1] is there twice`],
    ['{ targets: [{ model: gpt-6-luna, weight: 1 }] }', `${at}.targets[0].weight has no effect with this strategy`],
    [
      '{ targets: [{ model: gpt-6-luna, weight: 1 }], strategy: least_busy }',
      `${at}.targets[0].weight has no effect with this strategy`,
    ],
    ['{ targets: [gpt-6-luna], sticky: true }', `${at}.sticky has no effect with this strategy`],
    ['{ targets: [gpt-6-luna], sticky: true, strategy: least_cost }', `${at}.sticky has no effect with this strategy`],
    ['{ targets: [gpt-6-luna], strategy: random }', `${at}.strategy is not one of the possible values`],
  ])('%s: %s', (text, expected) => {
    expect(problems(`{ routes: { a: ${text} } }`)).toEqual([expected]);
  });

  it.each(['weighted', 'round_robin', 'least_latency', 'least_busy'])('may keep sessions by %s', (strategy) => {
    const text = `{ routes: { a: { targets: [gpt-6-luna], sticky: true, strategy: ${strategy} } } }`;
    expect(routing(text).routes.get('a')).toMatchObject({ strategy, sticky: true });
  });

  it.each([
    ['gpt-6-luna', 'routing.routes."gpt-6-luna" has the id of a model as its name'],
    ['gpt-5-2025-08-07', 'has the id of a model as its name'],
    ['a/b', 'routing.routes."a/b" is not a possible name of a route'],
    ['"a b"', 'routing.routes."a b" is not a possible name of a route'],
  ])('may not be called %s', (name, expected) => {
    const [problem] = problems(`{ routes: { ${name}: { targets: [gpt-6-luna] } } }`);
    expect(problem?.replace('gpt-6-luna has', '"gpt-6-luna" has')).toContain(expected.replace('routing.routes.', ''));
  });

  it('are no default model', () => {
    const file = 'routing: { routes: { cheap: { targets: [gpt-6-luna] } } }\nmodels: { default: cheap }\n';
    expect(said(ENV, file)).toEqual(['models.default is the name of a route']);
  });
});

describe('a model of the routing', () => {
  const listed = 'providers: { a: { base_url: "https://a.example", models: [x, y/z] } }\n';
  const withB = (fields: string) => `${listed.replace('} }', `}, b: { ${fields} } }`)}`;
  const route = (target: string) => `routing: { routes: { r: { targets: [${target}] } } }\n`;
  const found = (file: string) => load(ENV, file).routing.routes.get('r')?.targets[0];

  it('may be an id that the file lists, also one with a slash', () => {
    expect(found(`${listed}${route('x')}`)).toMatchObject({ provider: 'a', model: 'x' });
    expect(found(`${listed}${route('y/z')}`)).toMatchObject({ provider: 'a', model: 'y/z' });
  });

  it('must say its provider if several have it', () => {
    const file = `${withB('base_url: "https://b.example", models: [x]')}models: { provider_order: [a] }\n`;
    expect(said(ENV, `${file}${route('x')}`)).toEqual([
      'routing.routes.r.targets[0] is a model of several providers: a, b',
    ]);
    expect(found(`${file}${route('b/x')}`)).toMatchObject({ provider: 'b', model: 'x' });
  });

  it('is told apart from one of a provider that is configured and off', () => {
    const file = `${withB('kind: groq, api_key: "${' + 'NO:-}"')}${route('b/x')}`;
    expect(problemsOf(ENV, file)).toEqual([
      {
        path: 'routing.routes.r.targets[0]',
        problem: 'is a model of a provider that is configured and off',
        fix: 'Set api_key, or choose a model of a provider that is on: a, openai, anthropic, vllm.',
      },
    ]);
  });

  it('must be allowed, if something is said of that', () => {
    const file = `models: { allowed: [gpt-6.1-*, anthropic/claude-haiku-5-5, fallback-*] }
fallback: { answers: { sorry: Sorry. } }
routing:
  routes: { r: { targets: [gpt-6-luna, gpt-6.1-sol, fallback/sorry] } }
  tiers: { fast: [openai/gpt-6-luna] }
  rules:
    - { name: a, targets: [gpt-6-luna], fallbacks: [gpt-6-luna], canary: { to: gpt-6-luna, percent: 1 }, shadow: { to: gpt-6-sol, percent: 1 }, escalate: { on: [empty], to: [vllm/x] } }
`;
    const at = 'routing.rules[0]';
    expect(said(ENV, file).toSorted()).toEqual(
      [
        'routing.routes.r.targets[0]',
        'routing.tiers.fast[0]',
        `${at}.targets[0]`,
        `${at}.fallbacks[0]`,
        `${at}.canary.to`,
        `${at}.shadow.to`,
        `${at}.escalate.to[0]`,
      ]
        .map((path) =>
          path.endsWith('canary.to')
            ? `${path} is where the calls of this rule go anyway`
            : `${path} is not among the allowed models`,
        )
        .concat(`${at}.canary.to is not among the allowed models`)
        .toSorted(),
    );
  });

  it('is allowed, if nothing is said of that', () => {
    const file = `fallback: { answers: { sorry: Sorry. } }
routing:
  routes: { r: { targets: [vllm/one, fallback/sorry] } }
  tiers: { fast: [vllm/two] }
  rules: [{ name: a, targets: [vllm/three], fallbacks: [vllm/four], canary: { to: vllm/five, percent: 1 }, shadow: { to: vllm/six, percent: 1 }, escalate: { on: [empty], to: [vllm/seven] } }]
`;
    const { allowedModels } = load(ENV, file);
    expect(allowedModels.filter((pattern) => pattern.startsWith('vllm/'))).toEqual(
      ['one', 'two', 'three', 'four', 'five', 'seven', 'six'].map((id) => `vllm/${id}`),
    );
    expect(allowedModels.join()).not.toContain('fallback');
  });

  it('may be at any provider that exists, if the mock plays them all', () => {
    const env = { USE_MOCK_LLM: 'true' };
    const file = `routing: { routes: { r: { targets: [groq/llama, gpt-6-luna, anthropic/new, b/x] } } }
providers: { b: { kind: openai, api_key: "\${NO:-}" } }
`;
    expect(load(env, file).routing.routes.get('r')?.targets).toEqual(
      even(
        { provider: 'groq', model: 'llama' },
        LUNA,
        { provider: 'anthropic', model: 'new' },
        { provider: 'b', model: 'x' },
      ),
    );
    expect(said(env, route('nowhere/x'))).toHaveLength(1);
    expect(said(env, route('groq/'))).toHaveLength(1);
  });
});

describe('tiers', () => {
  it('may be a route by its name, a list, or a route of their own', () => {
    const { tiers, routes } = routing(
      `
  routes: { cheap: { strategy: round_robin, targets: [gpt-6-luna, claude-haiku-5-5] } }
  tiers:
    fast: cheap
    balanced: [gpt-6.1-terra]
    premium: { strategy: least_busy, targets: [gpt-6.1-sol] }
`.replace(/^/, '\n'),
    );
    expect(tiers.get(ModelTier.FAST)).toBe(routes.get('cheap'));
    expect(tiers.get(ModelTier.BALANCED)).toEqual({
      name: 'balanced',
      strategy: 'priority',
      sticky: false,
      targets: even(TERRA),
    });
    expect(tiers.get(ModelTier.PREMIUM)).toMatchObject({ name: 'premium', strategy: 'least_busy' });
  });

  it('that are not set stay with the catalogue', () => {
    expect(routing('{ tiers: { fast: [gpt-6-luna] } }').tiers.size).toBe(1);
    expect(routing('{}')).toMatchObject({ tiers: new Map(), complexity: new Map() });
  });

  it.each([
    ['{ fast: cheep }', 'routing.tiers.fast is not the name of a route', 'Did you mean "cheap"?'],
    [
      '{ fast: other }',
      'routing.tiers.fast is not the name of a route',
      'Add it to routing.routes, or write a list of models.',
    ],
    ['{ fast: [nothing] }', 'routing.tiers.fast[0] is not a model that a provider here is known to have', ''],
    [
      '{ fast: { targets: [nothing] } }',
      'routing.tiers.fast.targets[0] is not a model that a provider here is known',
      '',
    ],
    ['{ fast: [gpt-6-luna, gpt-6-luna] }', 'routing.tiers.fast[1] is there twice', ''],
    ['{ fast: {} }', 'routing.tiers.fast.targets is missing', ''],
    ['{ slow: cheap }', 'routing.tiers.slow is not a known setting', ''],
  ])('%s: %s', (text, expected, fix) => {
    const file = `routing: { routes: { cheap: { targets: [gpt-6-luna] } }, tiers: ${text} }`;
    expect(said(ENV, file)).toHaveLength(1);
    expect(said(ENV, file)[0]).toContain(expected);
    expect(problemsOf(ENV, file)[0]?.fix).toContain(fix);
  });

  it('are those of a complexity', () => {
    expect(routing('{ complexity: { simple: premium, complex: fast } }').complexity).toEqual(
      new Map([
        [TaskComplexity.SIMPLE, ModelTier.PREMIUM],
        [TaskComplexity.COMPLEX, ModelTier.FAST],
      ]),
    );
    expect(routing('{ complexity: { moderate: fast } }').complexity.get(TaskComplexity.MODERATE)).toBe(ModelTier.FAST);
  });
});

describe('a rule', () => {
  it('may say everything', () => {
    const text = `
  routes: { cheap: { targets: [gpt-6-luna] } }
  rules:
    - name: all
      match: { request_types: [summary, summary.*], source_agents: ["front *"], teams: [search], labels: { env: prod }, models: [gpt-*] }
      route: cheap
      priority: low
      fallbacks: [claude-haiku-5-5, openai/gpt-6.1-sol]
      timeouts: { connect_ms: 1, first_token_ms: 2, idle_ms: 3, total_ms: 4000, stream_total_ms: 5, stall_ms: 6 }
      cache_ttl_ms: 600000
      canary: { to: gpt-6.1-terra, percent: 2.5 }
      hedge: { after_ms: 800, max: 2 }
      escalate: { on: [truncated, refused, empty, schema, empty], to: [gpt-6.1-terra] }
      shadow: { to: gpt-6.1-sol, percent: 100 }
`;
    const { rules, routes } = routing(text);
    expect(rules).toEqual([
      {
        match: {
          requestTypes: ['summary', 'summary.*'],
          sourceAgents: ['front *'],
          teams: ['search'],
          labels: { env: 'prod' },
          models: ['gpt-*'],
        },
        policy: {
          rule: 'all',
          priority: 'low',
          limits: { connectMs: 1, firstTokenMs: 2, idleMs: 3, totalMs: 4000, streamTotalMs: 5, stallMs: 6 },
          route: routes.get('cheap'),
          fallbacks: [HAIKU, SOL],
          canary: { to: TERRA, share: 0.025 },
          hedging: { afterMs: 800, max: 2 },
          escalation: { on: ['truncated', 'refused', 'empty', 'schema'], to: [TERRA] },
          shadowing: { to: SOL, share: 1 },
          context: [],
          promptCache: undefined,
          cacheTtlMs: 600_000,
        },
      },
    ]);
    expect(rules[0]?.policy.route).toBe(routes.get('cheap'));
  });

  it('that says one thing says nothing else', () => {
    expect(routing(rule('priority: high')).rules).toEqual([
      {
        match: { requestTypes: undefined, sourceAgents: undefined, teams: undefined, labels: {}, models: undefined },
        policy: { ...noPolicy, rule: 'r', priority: 'high' },
      },
    ]);
    expect(policyOf('timeouts: { total_ms: 5 }')).toEqual({ ...noPolicy, rule: 'r', limits: { totalMs: 5 } });
    expect(policyOf('hedge: { after_ms: 5 }').hedging).toEqual({ afterMs: 5, max: 1 });
  });

  it('sends calls to its own models', () => {
    const { route, tier } = policyOf('targets: [gpt-6.1-sol], strategy: least_cost');
    expect(route).toMatchObject({ name: 'r', targets: even(SOL) });
    expect(tier).toBeUndefined();
  });

  it('sends calls to a tier of the catalogue that has a model which may be called', () => {
    expect(policyOf('tier: fast')).toMatchObject({ route: undefined, tier: ModelTier.FAST });
    expect(policyOf('tier: premium')).toMatchObject({ route: undefined, tier: ModelTier.PREMIUM });
    expect(said(ENV, `models: { allowed: [gpt-6.1-sol] }\nrouting: ${rule('tier: fast')}`)).toEqual([
      'routing.rules[0].tier has no model that is known and may be called',
    ]);
    const retired = 'catalogue: { models: { openai/gpt-6-luna: { lifecycle: retired } } }\n';
    const none = `${retired}models: { allowed: [gpt-6-luna] }\nrouting: ${rule('tier: fast')}`;
    expect(said(ENV, none)).toEqual(['routing.rules[0].tier has no model that is known and may be called']);
  });

  it('takes a tier as it is configured', () => {
    const text =
      '{ tiers: { fast: { strategy: least_busy, targets: [gpt-6.1-sol] } }, rules: [{ name: r, tier: fast }] }';
    const { rules, tiers } = routing(text);
    expect(rules[0]?.policy.route).toBe(tiers.get(ModelTier.FAST));
    expect(rules[0]?.policy.tier).toBeUndefined();
  });

  it('escalates to a tier of the catalogue', () => {
    const { escalation } = policyOf('escalate: { on: [empty], to: premium }');
    expect(escalation).toEqual({ on: ['empty'], to: [], tier: ModelTier.PREMIUM });
  });

  it.each<[string, Target[]]>([
    ['cheap', [LUNA]],
    ['balanced', [SONNET]],
    ['[gpt-6.1-sol, claude-opus-5-5]', [SOL, OPUS]],
  ])('escalates to %s', (to, targets) => {
    const routes = 'routes: { cheap: { targets: [gpt-6-luna] }, balanced: { targets: [claude-sonnet-5-5] } }';
    const text = `{ ${routes}, rules: [{ name: r, escalate: { on: [empty], to: ${to} } }] }`;
    expect(routing(text).rules[0]?.policy.escalation).toEqual({ on: ['empty'], to: targets });
  });

  const at = 'routing.rules[0]';
  it.each([
    ['', `${at} says nothing`],
    ['match: { teams: [a] }', `${at} says nothing`],
    ['route: nowhere', `${at}.route is not the name of a route`],
    ['tier: slow', `${at}.tier is not one of the possible values`],
    ['tier: fast, targets: [gpt-6-luna]', `${at}.targets stands beside tier`],
    ['strategy: weighted, tier: fast', `${at}.strategy has no effect without targets`],
    ['sticky: true, tier: fast', `${at}.sticky has no effect without targets`],
    ['targets: [{ model: gpt-6-luna, weight: 3 }]', `${at}.targets[0].weight has no effect with this strategy`],
    ['fallbacks: [nothing]', `${at}.fallbacks[0] is not a model that a provider here is known to have`],
    ['canary: { to: nothing, percent: 1 }', `${at}.canary.to is not a model that a provider here is known to have`],
    ['canary: { to: gpt-6-luna }', `${at}.canary.percent is missing`],
    ['canary: { to: gpt-6-luna, percent: 101 }', `${at}.canary.percent is too large`],
    ['shadow: { to: nothing, percent: 1 }', `${at}.shadow.to is not a model that a provider here is known to have`],
    ['escalate: { on: [empty], to: nothing }', `${at}.escalate.to is not the name of a route`],
    [
      'escalate: { on: [empty], to: [nothing] }',
      `${at}.escalate.to[0] is not a model that a provider here is known to have`,
    ],
    ['escalate: { on: [], to: premium }', `${at}.escalate.on is empty`],
    ['escalate: { on: [slow], to: premium }', `${at}.escalate.on[0] is not one of the possible values`],
    ['hedge: {}', `${at}.hedge.after_ms is missing`],
    ['hedge: { after_ms: 60000 }', `${at}.hedge.after_ms is not less than total_ms`],
    ['hedge: { after_ms: 700 }, timeouts: { total_ms: 700 }', `${at}.hedge.after_ms is not less than total_ms`],
    ['timeouts: { connect_ms: 10001 }', `${at}.timeouts.connect_ms is more than that of all calls`],
    ['timeouts: { first_token_ms: 600001 }', `${at}.timeouts.first_token_ms is more than stream_total_ms`],
    ['timeouts: { idle_ms: 11, stream_total_ms: 10 }', `${at}.timeouts.idle_ms is more than stream_total_ms`],
    ['match: { models: ["a b"] }, priority: low', `${at}.match.models[0] is not a model pattern`],
    [
      'match: { request_types: [Summary] }, priority: low',
      `${at}.match.request_types[0] is not a pattern of request types`,
    ],
    ['match: { labels: { A: x } }, priority: low', `${at}.match.labels.A is not a possible name of a label`],
    ['match: { teams: [] }, priority: low', `${at}.match.teams is empty`],
    [
      'targets: [gpt-6-luna], canary: { to: openai/gpt-6-luna, percent: 1 }',
      `${at}.canary.to is where the calls of this rule go anyway`,
    ],
    [
      'targets: [gpt-6-luna], shadow: { to: gpt-6-luna, percent: 1 }',
      `${at}.shadow.to is where the calls of this rule go anyway`,
    ],
    [
      'tier: premium, escalate: { on: [empty], to: premium }',
      `${at}.escalate.to is where the calls of this rule go anyway`,
    ],
    [
      'targets: [gpt-6-luna], escalate: { on: [empty], to: [gpt-6-luna] }',
      `${at}.escalate.to is where the calls of this rule go anyway`,
    ],
  ])('%s: %s', (fields, expected) => {
    expect(problems(rule(fields))).toEqual([expected]);
  });

  it.each([
    'hedge: { after_ms: 59999 }',
    'hedge: { after_ms: 60000 }, timeouts: { total_ms: 60001 }',
    'timeouts: { idle_ms: 600000, connect_ms: 10000 }',
    'targets: [gpt-6-luna, gpt-6.1-sol], shadow: { to: gpt-6-luna, percent: 1 }',
    'targets: [gpt-6-luna], escalate: { on: [empty], to: [gpt-6-luna, gpt-6.1-sol] }',
    'targets: [gpt-6-luna], canary: { to: fallback/sorry, percent: 1 }',
  ])('may say %s', (fields) => {
    expect(load(ENV, `fallback: { answers: { sorry: Sorry. } }\nrouting: ${rule(fields)}`).routing.rules).toHaveLength(
      1,
    );
  });

  it.each([
    ['shadow: { to: fallback/sorry, percent: 1 }', 'shadow'],
    ['escalate: { on: [empty], to: [gpt-6-luna, fallback/sorry] }', 'escalate'],
  ])('wants a model, and not an answer that needs none: %s', (fields, part) => {
    expect(said(ENV, `fallback: { answers: { sorry: Sorry. } }\nrouting: ${rule(fields)}`)).toEqual([
      `${at}.${part}.to leads to an answer that needs no model`,
    ]);
  });

  it('needs a name that no other has', () => {
    expect(problems('{ rules: [{ priority: low }] }')).toEqual([`${at}.name is missing`]);
    expect(
      problems('{ rules: [{ name: a, priority: low }, { name: b, tier: fast }, { name: a, tier: fast }] }'),
    ).toEqual(['routing.rules[2].name is the name of another rule']);
  });

  it('has no more than one place where calls go', () => {
    const text =
      '{ routes: { a: { targets: [gpt-6-luna] } }, rules: [{ name: r, route: a, tier: fast, targets: [gpt-6-luna] }] }';
    expect(problems(text)).toEqual([`${at}.tier stands beside route`, `${at}.targets stands beside route`]);
  });
});

it('tells every problem of the routing at once', () => {
  const text = `{ routes: { gpt-6-luna: { targets: [nothing] }, b: { targets: [groq/x, gpt-6-luna, gpt-6-luna], sticky: true } },
    tiers: { fast: nowhere }, rules: [{ name: a }, { name: a, hedge: { after_ms: 90000 }, escalate: { on: [empty], to: nowhere } }] }`;
  const env = { ...ENV, LLM_DEFAULT_MODEL: 'groq/x', LLM_PROVIDER_ORDER: 'opnai', LLM_MAX_RETRIES: '11' };
  expect(
    problems(text, env)
      .map((line) => line.slice(0, line.indexOf(' ')))
      .toSorted(),
  ).toEqual(
    [
      'LLM_DEFAULT_MODEL',
      'LLM_MAX_RETRIES',
      'models.provider_order[0]',
      'routing.routes.gpt-6-luna',
      'routing.routes.gpt-6-luna.targets[0]',
      'routing.routes.b.targets[0]',
      'routing.routes.b.targets[2]',
      'routing.routes.b.sticky',
      'routing.tiers.fast',
      'routing.rules[0]',
      'routing.rules[1].hedge.after_ms',
      'routing.rules[1].escalate.to',
      'routing.rules[1].name',
    ].toSorted(),
  );
});

describe('what a start says of rules', () => {
  const quiet = { ...ENV, ALLOWED_MODELS: '*', LLM_DEFAULT_MODEL: 'gpt-6-luna' };
  const notices = (rules: string) => load(quiet, `routing: { rules: [${rules}] }`).notices;

  it.each<[string, string, boolean]>([
    ['', 'teams: [a]', true],
    ['', '', true],
    ['teams: [a]', '', false],
    ['teams: [a]', 'teams: [a], models: [x]', true],
    ['teams: [a, b]', 'teams: [b]', true],
    ['teams: [b]', 'teams: [a, b]', false],
    ['teams: ["a*"]', 'teams: [ab]', true],
    ['teams: ["a*"]', 'teams: ["ab*"]', false],
    ['teams: ["a*"]', 'teams: ["a*"]', true],
    ['teams: ["*"]', 'teams: ["ab*"]', true],
    ['request_types: [a]', 'request_types: [a.b]', false],
    ['source_agents: [a]', 'source_agents: [a], teams: [b]', true],
    ['models: ["*"]', 'models: [openai/x]', true],
    ['models: ["*"]', '', false],
    ['labels: { a: x }', 'labels: { a: x, b: y }', true],
    ['labels: { a: x }', 'labels: { a: y }', false],
    ['labels: { a: x, b: y }', 'labels: { a: x }', false],
  ])('after one for {%s}, one for {%s} is never reached: %s', (first, second, unreached) => {
    const rules = `{ name: a, match: { ${first} }, priority: low }, { name: b, match: { ${second} }, priority: low }`;
    const told = ['The rule b is never reached: a takes all its calls.'];
    expect(notices(rules)).toEqual(unreached ? told : []);
  });

  it('has what has no effect', () => {
    const fields = 'canary: { to: gpt-6.1-sol, percent: 0 }, shadow: { to: gpt-6.1-sol, percent: 0 }, cache_ttl_ms: 5';
    expect(notices(`{ name: a, ${fields} }`)).toEqual([
      'The canary of the rule a gets no call: its percent is 0.',
      'The shadow of the rule a gets no call: its percent is 0.',
      'The cache_ttl_ms of the rule a has no effect: cache.enabled is false.',
    ]);
  });

  it.each([
    ['route for every call', 'tier: fast', false],
    ['route for every call that names no model', 'match: {}, targets: [gpt-6.1-sol]', false],
    ['route for some', 'match: { teams: [a] }, tier: fast', true],
    ['route for those with a label', 'match: { labels: { a: b } }, tier: fast', true],
    ['priority', 'priority: low', true],
  ])('has the default model, unless there is a rule with a %s', (_, fields, expected) => {
    const told = load({ ...KEY, ALLOWED_MODELS: '*' }, `routing: ${rule(fields)}`).notices.join();
    expect(told.includes('LLM_DEFAULT_MODEL')).toBe(expected);
  });
});

describe('whatever the routing names', () => {
  const names = fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom('gpt-6-luna', 'claude-haiku-5-5', 'anthropic/claude-opus-5-5') },
    { weight: 3, arbitrary: fc.constantFrom('openai/gpt-6-luna', 'fallback/sorry', 'vllm/a/b', 'anthropic/x') },
    { weight: 1, arbitrary: fc.constantFrom('groq/x', 'nothing', 'openai/', 'fallback/no') },
  );
  const targets = fc.array(fc.oneof(names, fc.record({ model: names })), { minLength: 1, maxLength: 3 });
  const strategy = fc.constantFrom('priority', 'weighted', 'least_busy');
  const route = fc.record({ strategy, targets });
  const to = fc.oneof(
    fc.constantFrom('fast', 'premium', 'one', 'two'),
    fc.array(names, { minLength: 1, maxLength: 2 }),
  );
  const entry = fc.record(
    {
      targets,
      tier: fc.constantFrom('fast', 'premium'),
      route: fc.constantFrom('one', 'two'),
      fallbacks: fc.array(names, { minLength: 1, maxLength: 2 }),
      canary: fc.record({ to: names, percent: fc.constant(5) }),
      escalate: fc.record({ on: fc.constant(['empty']), to }),
      shadow: fc.record({ to: names, percent: fc.constant(5) }),
    },
    { requiredKeys: [] },
  );
  const tier = fc.oneof(fc.constantFrom('one', 'two'), targets, route);
  const settings = fc.record(
    {
      routes: fc.record({ one: route, two: route }, { requiredKeys: ['one'] }),
      tiers: fc.record({ fast: tier, premium: tier }, { requiredKeys: [] }),
      rules: fc.array(entry, { maxLength: 2 }).map((rules) => rules.map((each, i) => ({ name: `r${i}`, ...each }))),
    },
    { requiredKeys: ['routes'] },
  );
  const allowed = fc.constantFrom(undefined, ['*'], ['openai/*', 'claude-*']);

  it('is at a provider that is on, and allowed; or every problem is in the routing', () => {
    const reached = { loaded: 0, refused: 0 };
    const property = fc.property(settings, allowed, (routed, patterns) => {
      const file = JSON.stringify({
        fallback: { answers: { sorry: 'Sorry.' } },
        models: patterns ? { allowed: patterns } : {},
        routing: routed,
      });
      const config = loaded(file);
      if (config === undefined) {
        reached.refused++;
        for (const { path } of problemsOf(ENV, file)) expect(path).toMatch(/^routing\./);
        return;
      }
      reached.loaded++;
      const { routes, tiers, rules } = config.routing;
      const policies = rules.map(({ policy }) => policy);
      const all = [...routes.values(), ...tiers.values(), ...policies.flatMap((each) => each.route ?? [])];
      const others = policies.flatMap(({ canary, shadowing, escalation, fallbacks }) => [
        ...[canary?.to, shadowing?.to].flatMap((each) => each ?? []),
        ...(escalation?.to ?? []),
        ...fallbacks,
      ]);
      const isAllowed = modelPatterns([...config.allowedModels, 'fallback/sorry']);
      const on = [...config.providers.map(({ name }) => name), 'fallback'];
      for (const one of all) expect(one.targets.length).toBeGreaterThan(0);
      for (const target of [...all.flatMap((one) => one.targets), ...others]) {
        expect(on).toContain(target.provider);
        expect(isAllowed(target)).toBe(true);
        expect(target.model).not.toBe('');
      }
    });
    fc.assert(property, { numRuns: 600 });
    expect(Math.min(reached.loaded, reached.refused)).toBeGreaterThan(30);
  });

  const loaded = (file: string) => {
    try {
      return load(ENV, file);
    } catch {
      return undefined;
    }
  };
});
