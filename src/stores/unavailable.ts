import { GatewayError } from '../core/errors.ts';
import { StoreError } from './store.ts';

/** What whoever waits for the store is told when it fails. Everything else that is thrown stays what it is. */
export function storeUnavailable(thrown: unknown): unknown {
  if (!(thrown instanceof StoreError)) return thrown;
  const message = 'The store does not answer. A change may have been made or not: look when it is back, and try again.';
  return new GatewayError('store_unavailable', message, { cause: thrown });
}
