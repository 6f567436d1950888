import { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, limits, type ModelFacts } from './facts.ts';
import { type Price, usd } from './rates.ts';

/** Whatever the mock is asked for costs nothing. */
export const FREE: Price = { ...usd('0', '0'), tiers: [], servicePercent: {}, source: 'mock', asOf: '' };

/** The built-in provider that answers without a model. It takes any id; this is the one it is listed under. */
export const mockModels: readonly ModelFacts[] = [
  {
    provider: 'mock',
    id: 'echo',
    tier: ModelTier.STANDARD,
    abilities: [],
    ...limits(),
    ...active,
    successor: undefined,
    endpoints: ['chat'],
    price: FREE,
  },
];
