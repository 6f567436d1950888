import type { Caller } from '../core/call.ts';

const KEY = 'key:';
const TEAM = 'team:';

/** Who shares answers with a caller: the team, or the key alone where it has no team. No two of them are alike. */
export const tenantOf = ({ name, team }: Pick<Caller, 'name' | 'team'>): string =>
  team === '' ? `${KEY}${name}` : `${TEAM}${team}`;

/** The same, taken apart. */
export const ofTenant = (tenant: string): { readonly team: string; readonly key: string } =>
  tenant.startsWith(TEAM) ? { team: tenant.slice(TEAM.length), key: '' } : { team: '', key: tenant.slice(KEY.length) };
