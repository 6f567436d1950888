import type { ApiKey, Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { type GatewayError, toGatewayError } from '../core/errors.ts';
import { type KeyAside, type KeyRefusal, type KeyRing, refusalOf } from './keys/key-ring.ts';

/**
 * Gives the call a key of its provider. A key that the provider refuses is left alone for a while, and the next one
 * takes over, as long as nothing has gone to the caller. It stands above the record of a try, so that each key that
 * was tried has one.
 *
 * Aborts: no further key is tried. Errors: what the last key met, to wait for no longer than until a key can be used.
 */
export const keys =
  (ring: KeyRing, onAside: (aside: KeyAside) => void): Layer =>
  (next) => {
    if (ring.size === 0) return next;
    return async (call) => {
      const tried = new Set<ApiKey>();
      let key = ring.first();
      for (;;) {
        const { refusals } = ring;
        try {
          const response = await next({ ...call, key });
          if (key) ring.taken(key, refusals);
          return response;
        } catch (thrown) {
          const error = toGatewayError(thrown);
          const refusal = refusalOf(error);
          if (!key || !refusal) throw error;
          const aside = ring.refused(key, refusal, error.facts.retryAfterMs);
          if (aside) onAside(aside);
          tried.add(key);
          const other = mayGoOn(call) ? ring.another(tried) : undefined;
          if (!other) throw soonest(error, key, ring);
          leave(call, `${because[refusal]} ${key.name}`);
          key = other;
        }
      }
    };
  };

/** A wait that was named for one key must not keep calls from the others: above, an error is about the whole provider. */
function soonest(error: GatewayError, key: ApiKey, ring: KeyRing): GatewayError {
  const waitMs = error.facts.retryAfterMs === undefined ? undefined : ring.soonerThan(key);
  return waitMs === undefined ? error : error.withWait(waitMs);
}

const mayGoOn = ({ sink, signal }: Call): boolean => !signal.aborted && !sink?.committed;

function leave({ trail }: Call, because: string): void {
  const last = trail.attempts.at(-1);
  if (last) last.leftBecause = because;
}

/** Before the name of the key. */
const because: Readonly<Record<KeyRefusal, string>> = {
  upstream_auth: 'the provider refused the key',
  upstream_billing: 'no credit or quota is left for the key',
  upstream_rate_limited: 'the rate limit is reached for the key',
};
