/** What a key is for. */
export type Role = 'caller' | 'viewer' | 'admin';

export const roles: readonly Role[] = ['caller', 'viewer', 'admin'];

/**
 * What may be done: calling models; seeing what all callers together do; and changing how the gateway runs. Listing
 * models and asking for the state of the gateway needs no right of its own, but a key like everything else.
 */
export type Right = 'call' | 'watch' | 'administer';

const rolesWith: Readonly<Record<Right, readonly Role[]>> = {
  call: ['caller', 'admin'],
  watch: ['viewer', 'admin'],
  administer: ['admin'],
};

export const may = (given: readonly Role[], right: Right): boolean =>
  given.some((role) => rolesWith[right].includes(role));
