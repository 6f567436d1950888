import type { Recorded } from './recorded.ts';

export const google: Recorded = { broken: {}, kinds: {} };
