import type { Recorded } from './recorded.ts';

export const responses: Recorded = { broken: {}, kinds: {} };
