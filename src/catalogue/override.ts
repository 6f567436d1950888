import type { ModelFacts } from './facts.ts';

/**
 * What the configuration says of a model. Each field that is there stands in the place of what is built in, the price
 * as a whole. A model that is not built in is known by this alone.
 */
export type ModelOverride = Readonly<Partial<Omit<ModelFacts, 'provider' | 'id' | 'successor' | 'endpoints'>>>;
