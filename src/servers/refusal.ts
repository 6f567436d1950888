import { anonymous } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';
import type { LlmService } from '../services/service.ts';
import type { Arrival, Calls, Reply } from './rpc.ts';

export interface RefusalParts {
  readonly calls: Calls;
  readonly service: Pick<LlmService, 'refuse'>;
}

/** A call that nobody has looked at beyond its headers. */
export type RefusedArrival = Omit<Arrival, 'caller' | 'fields' | 'deadlineMs'>;

/**
 * Answers a call that is not let in: it has an id and a span like any other. With `isCompletion` it is in the log and in
 * the metrics of calls, too.
 */
export function refuseCall<T>(
  { calls, service }: RefusalParts,
  arrival: RefusedArrival,
  error: GatewayError,
  isCompletion: boolean,
  reply: Reply<T>,
): void {
  const work = async (inbound: Parameters<LlmService['refuse']>[1]): Promise<never> => {
    if (isCompletion) service.refuse(error, inbound);
    throw error;
  };
  calls.run<T>({ ...arrival, caller: anonymous, fields: undefined, deadlineMs: undefined }, work, reply);
}
