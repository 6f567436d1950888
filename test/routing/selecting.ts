import type { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { catalogue } from '../../src/catalogue/catalogue.ts';
import { directory } from '../../src/catalogue/directory.ts';
import type { ModelOverride } from '../../src/catalogue/override.ts';
import { modelPatterns } from '../../src/core/patterns.ts';
import type { Route } from '../../src/core/policy.ts';
import { type SelectorOptions, selector } from '../../src/routing/selection.ts';
import type { Measures } from '../../src/routing/strategies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { noMeasures } from './routes.ts';

export interface Place {
  readonly allowed?: readonly string[];
  readonly providerOrder?: readonly string[];
  readonly defaultModel?: string;
  readonly defaultProvider?: string;
  /** What is known of models, by "provider/id". */
  readonly known?: Readonly<Record<string, ModelOverride>>;
  readonly routes?: readonly Route[];
  readonly tiers?: readonly (readonly [ModelTier, Route])[];
  readonly complexity?: readonly (readonly [TaskComplexity, ModelTier])[];
  readonly measures?: Partial<Measures>;
  /** What chance gives, in turn; the last stays. */
  readonly chances?: readonly number[];
  readonly fallbackAnswers?: readonly string[];
  readonly last?: SelectorOptions['last'];
}

const providers = ['a', 'b', 'c', 'd', 'e'].map((name) => ({
  name,
  kind: 'openai_compatible',
  models: [`only-${name}`, '1', '2'],
}));

/** The selector of a gateway with the providers a to e, which all have the models 1 and 2, and each one of its own. */
export function selecting(place: Place = {}) {
  const { known = {}, allowed = ['*'], routes = [], tiers = [], complexity = [], fallbackAnswers = [] } = place;
  const models = directory({
    catalogue: catalogue({ providers, overrides: new Map(Object.entries(known)) }),
    today: () => '2026-11-21',
    providers,
    providerOrder: place.providerOrder ?? [],
    defaultModel: place.defaultModel,
    defaultProvider: place.defaultProvider,
    allowed: modelPatterns(allowed),
  });
  const clock = fakeClock();
  clock.chances = [...(place.chances ?? [0])];
  const settings = {
    routes: new Map(routes.map((route) => [route.name, route])),
    tiers: new Map(tiers),
    complexity: new Map(complexity),
  };
  const measures = { ...noMeasures, ...place.measures };
  const answers = new Set(fallbackAnswers);
  return selector({ settings, models, measures, clock, fallbackAnswers: answers, last: place.last });
}
