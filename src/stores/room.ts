import type { Balance, Hold } from './store.ts';

/**
 * The index of the first hold that its account has no room for; undefined: there is room for all of them. Several holds
 * on one account are added up.
 */
export function firstRefused(holds: readonly Hold[], balanceOf: (account: string) => Balance): number | undefined {
  const added = new Map<string, number>();
  const drawn = (account: string) => {
    const { spent, held } = balanceOf(account);
    return spent + held + (added.get(account) ?? 0);
  };
  const refused = holds.findIndex(({ account, amount, limit, carried }) => {
    const before = carried ? drawn(carried.account) * carried.share : 0;
    if (drawn(account) + amount + before > limit) return true;
    added.set(account, (added.get(account) ?? 0) + amount);
    return false;
  });
  return refused < 0 ? undefined : refused;
}
