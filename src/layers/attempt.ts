import { create } from '@bufbuild/protobuf';
import { AttemptSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { duration } from '../core/duration.ts';
import { toGatewayError } from '../core/errors.ts';

/** Is told when a call goes to a provider, and when it is over there. */
export interface Busy {
  started(provider: string): void;
  ended(provider: string): void;
}

/**
 * Keeps the record of one try at a provider, and its span. It stands below everything that may refuse or repeat a
 * try, so that there is one record for each time a provider was really asked.
 */
export const attempt =
  (clock: Clock, busy: Busy): Layer =>
  (next) =>
  async (call) => {
    const startedMs = clock.now();
    const record = create(AttemptSchema, { ...call.target });
    call.trail.attempts.push(record);
    busy.started(record.provider);
    const span = call.span.child('attempt', 'client');
    span.set({ 'antiphon.attempt': call.trail.attempts.length, 'antiphon.provider': record.provider });
    try {
      const response = await next({ ...call, attempt: record, span });
      if (response.usage) record.usage = response.usage;
      if (response.cost) record.cost = response.cost;
      return response;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      record.status = error.rule.code;
      record.errorReason = error.rule.reason;
      if (error.facts.upstreamRequestId) record.upstreamRequestId = error.facts.upstreamRequestId;
      span.set({ 'http.response.status_code': error.facts.upstreamStatus });
      span.fail(error.kind);
      throw call.target ? error.with({ target: call.target }) : error;
    } finally {
      record.duration = duration(clock.now() - startedMs);
      span.end();
      busy.ended(record.provider);
    }
  };
