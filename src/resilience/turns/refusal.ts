import { GatewayError } from '../../core/errors.ts';

/**
 * Why a call gets no turn. `full`: too many wait already. `too_late`: its turn would come when it is of no use any
 * more. `too_long`: it would wait longer than any call may.
 */
export type RefusalCause = 'full' | 'too_late' | 'too_long';

const MESSAGES: Readonly<Record<RefusalCause, string>> = {
  full: 'Too many calls already wait for this provider. Try again later, or use another model.',
  too_late:
    'Too many calls wait for this provider to answer this one in the time left. Allow more time, try again later, or use another model.',
  too_long: 'Calls wait too long for this provider at present. Try again later, or use another model.',
};

/** No turn for this call. */
export class QueueRefusal extends GatewayError {
  readonly refused: RefusalCause;

  constructor(refused: RefusalCause, retryAfterMs: number) {
    super('queue_full', MESSAGES[refused], { retryAfterMs });
    this.refused = refused;
  }
}
