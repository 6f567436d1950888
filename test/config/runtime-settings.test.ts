// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import type { RuntimeSettings } from '../../src/config/runtime-settings.ts';

const loadWith = (settings: RuntimeSettings | undefined, env: Record<string, string> = {}, file = '') =>
  loadConfig({ ANTIPHON_CONFIG: 'antiphon.yaml', ...env }, () => new TextEncoder().encode(file), settings);

function problemsWith(...given: Parameters<typeof loadWith>): readonly string[] {
  try {
    loadWith(...given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, problem }) => `${path} ${problem}`);
    throw error;
  }
  return [];
}

describe('settings that were changed at run time', () => {
  it('win over the file and over variables, each as a whole, and nothing else is touched', () => {
    const file =
      'models: { allowed: [mock/file], default: mock/a }\nquotas: { all: { requests_per_day: 9 }, output_tokens: 7 }\n';
    const quotas = { teams: { search: { usd_per_day: 1 } } };
    const config = loadWith({ revision: 3, allowedModels: ['mock/*'], quotas }, { ALLOWED_MODELS: 'mock/env' }, file);
    expect(config.allowedModels).toEqual(['mock/*']);
    expect(config.quotas).toMatchObject({ all: [], outputTokens: 1_000 });
    expect(config.quotas.teams.named.get('search')).toHaveLength(1);
    expect(config.settings).toMatchObject({ changed: { revision: 3 }, quotas: { ...quotas, output_tokens: 1_000 } });
    expect(config.defaultModel).toBe('mock/a');
    expect(config.notices).toEqual(
      expect.arrayContaining([
        'Changed at run time, and not as the file has it (revision 3): models.allowed and quotas.',
        'ALLOWED_MODELS is set and not used: which models may be called was changed at run time.',
      ]),
    );
  });

  it('leave all as it is where they say nothing', () => {
    const file = 'routing: { routes: { r: { targets: [mock/a] } } }\nquotas: { all: { requests_per_day: 9 } }\n';
    const { settings: of, ...plain } = loadWith(undefined, { ALLOWED_MODELS: 'mock/*' }, file);
    const { settings, ...laidOver } = loadWith({ revision: 4 }, { ALLOWED_MODELS: 'mock/*' }, file);
    expect(laidOver).toEqual(plain);
    expect(settings).toEqual({ ...of, changed: { revision: 4 } });
  });

  it('are checked by the rules of the file, and blamed themselves', () => {
    const env = { ALLOWED_MODELS: 'mock/*', LIMIT: '5' };
    const file = 'quotas: { all: { requests_per_day: "${LIMIT}" } }\n';
    expect(loadWith(undefined, env, file).quotas.all).toMatchObject([{ amount: 5 }]);
    expect(problemsWith({ revision: 1, quotas: { all: { requests_per_day: '5' } } }, env, file)).toEqual([
      'quotas.all.requests_per_day is not a number',
    ]);
    expect(problemsWith({ revision: 1, allowedModels: ['two words'] }, env, file)).toEqual([
      'models.allowed[0] is not a model pattern',
    ]);
    expect(problemsWith({ revision: 1, allowedModels: [] }, env, file)).toEqual(['models.allowed is empty']);
    expect(problemsWith({ revision: 1, routing: { roots: {} } }, env)).toEqual([
      'routing.roots is not a known setting',
    ]);
    const rule = { name: 'r', targets: ['mock/b'] };
    const routed = { revision: 1, allowedModels: ['mock/a'], routing: { rules: [rule] } };
    expect(problemsWith(routed, env)).toEqual([expect.stringContaining('routing.rules[0].targets')]);
  });

  it('refer to nothing', () => {
    const env = { CANARY: 'canary-1' };
    const labels = { a: '${CANARY}', b: '${file:/etc/hostname}', c: '$$' };
    const routing = { rules: [{ name: 'r', match: { labels }, targets: ['mock/a'] }] };
    expect(loadWith({ revision: 1, routing }, env).routing.rules[0]?.match.labels).toEqual(labels);
    expect(problemsWith({ revision: 1, allowedModels: ['${CANARY}/*'] }, env)).toEqual([]);
  });

  it('are a configuration or a list of problems, whatever they are', () => {
    const names = fc.constantFrom('__proto__', 'constructor', 'all', 'teams', 'keys', 'rules', 'routes', 'tiers', '*');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.string(),
        fc.constant(null),
        fc.array(tie('value')),
        tie('tree'),
      ),
    }));
    const anything = tree as fc.Arbitrary<Record<string, unknown>>;
    fc.assert(
      fc.property(anything, anything, (quotas, routing) => {
        const known = Object.getOwnPropertyNames(Object.prototype);
        const parse = (value: unknown) => JSON.parse(JSON.stringify(value));
        problemsWith({ revision: 1, quotas: parse(quotas), routing: parse(routing) });
        expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(known);
      }),
    );
  });
});
