import type { Recorded } from './recorded.ts';

export const yandex: Recorded = { broken: {}, kinds: {} };
