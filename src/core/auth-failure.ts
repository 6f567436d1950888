export const authFailures = ['missing', 'malformed', 'unknown', 'revoked', 'expired'] as const;

/** Why a caller was turned away. For the operator: callers are not told. */
export type AuthFailure = (typeof authFailures)[number];
