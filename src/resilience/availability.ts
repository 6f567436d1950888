/**
 * Whether a target can be called now. `open`: its breaker is. `cooling`: its provider has asked to be left alone for a
 * while. `unhealthy`: its provider does not answer probes.
 */
export type Availability = 'ready' | 'cooling' | 'open' | 'unhealthy';
