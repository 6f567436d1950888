import { ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { active, type ModelFacts } from './facts.ts';

/** The built-in provider that answers without a model. It takes any id; this is the one it is listed under. */
export const mockModels: readonly ModelFacts[] = [
  {
    provider: 'mock',
    id: 'echo',
    tier: ModelTier.STANDARD,
    abilities: [],
    contextWindowTokens: undefined,
    maxOutputTokens: undefined,
    endpoints: ['chat'],
    ...active,
  },
];
