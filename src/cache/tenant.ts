import type { Caller } from '../core/call.ts';

/** Who shares answers with a caller: the team, or the key alone where it has no team. No two of them are alike. */
export const tenantOf = ({ name, team }: Pick<Caller, 'name' | 'team'>): string =>
  team === '' ? `key:${name}` : `team:${team}`;
