import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { toGatewayError } from '../core/errors.ts';
import type { ContentCapture } from '../telemetry/content.ts';
import { failureAttributes, inferenceSpanName, requestAttributes, responseAttributes } from '../telemetry/gen-ai.ts';
import { callOutcome } from '../telemetry/outcome.ts';
import type { CallOutcome } from '../telemetry/record.ts';

export interface Observer {
  /** Keeps the record of a call that is over. */
  readonly record: (outcome: CallOutcome) => void;
  readonly clock: Clock;
  /** The name of a configured provider in the conventions for spans. */
  readonly providerName: (provider: string) => string | undefined;
  /** Undefined: spans hold nothing of what is asked and answered. */
  readonly capture?: ContentCapture | undefined;
}

/**
 * Keeps the record of every call: one log line, the metrics, and the GenAI span. It stands outermost, so that a call
 * that any layer below refuses is recorded like any other.
 */
export const observe =
  ({ record, clock, providerName, capture }: Observer): Layer =>
  (next) =>
  async (call) => {
    const span = call.span.child('chat', 'client');
    const content = span.isRecorded ? capture : undefined;
    try {
      const response = await next({ ...call, span });
      span.set(responseAttributes(response, firstTokenMs(call)));
      if (content) span.set(content.response(response));
      record(callOutcome(call, clock.now(), response));
      return response;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      span.set(failureAttributes);
      span.fail(error.kind);
      record(callOutcome(call, clock.now(), error));
      throw error;
    } finally {
      const { target } = call.trail;
      const name = target && providerName(target.provider);
      span.set(requestAttributes(call, name));
      if (content) span.set(content.request(call.request));
      span.rename(inferenceSpanName(target?.model ?? call.request.model));
      span.end();
    }
  };

const firstTokenMs = ({ receivedMs, trail: { firstTokenAtMs } }: Call): number | undefined =>
  firstTokenAtMs === undefined ? undefined : firstTokenAtMs - receivedMs;
