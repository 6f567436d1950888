import type { Recorded } from './recorded.ts';

export const anthropic: Recorded = { broken: {}, kinds: {} };
