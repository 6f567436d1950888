import type { ApiKey } from '../../core/call.ts';
import { type GatewayError, toGatewayError } from '../../core/errors.ts';
import type { KeyAside, KeyRing } from './key-ring.ts';

/**
 * Asks a provider for something that is no call, such as its list of models, with a key of the ring. A key that is not
 * known there is left alone for calls too. Nothing else that happens says whether calls may be made with it: there are
 * lists that anybody may read, and keys that may make calls and read no list.
 *
 * Errors: those of `ask`.
 */
export async function askWithKey<T>(
  ring: KeyRing,
  onAside: (aside: KeyAside) => void,
  ask: (key: ApiKey | undefined) => Promise<T>,
): Promise<T> {
  const key = ring.first();
  try {
    return await ask(key);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    const aside = key && isUnknownKey(error) ? ring.refused(key, 'upstream_auth', error.facts.retryAfterMs) : undefined;
    if (aside) onAside(aside);
    throw error;
  }
}

/** 403 is for keys that are known, and may not do this. */
const isUnknownKey = ({ kind, facts }: GatewayError): boolean =>
  kind === 'upstream_auth' && facts.upstreamStatus !== 403;
