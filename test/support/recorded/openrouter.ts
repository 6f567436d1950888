import type { Recorded } from './recorded.ts';

export const openrouter: Recorded = { broken: {}, kinds: {} };
