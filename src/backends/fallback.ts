import { create } from '@bufbuild/protobuf';
import {
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
  FinishReason,
  PartSchema,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { unlessAborted } from '../core/abort.ts';
import { addWarnings, type Call, type Trail } from '../core/call.ts';
import type { Complete } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import { textDelta } from '../core/events.ts';
import type { Tell } from '../core/news.ts';
import { fallbackAnswer } from '../core/warnings.ts';
import { filled } from './fallback/filled.ts';

export interface FallbackParts {
  /** The texts by name. */
  readonly answers: ReadonlyMap<string, string>;
  /** False: models are switched off, which is then the reason for the answer. */
  readonly enabled: boolean;
  readonly tell: Tell;
}

/**
 * A backend that answers with a text of the configuration. The target's model is the name of the text. It costs nothing,
 * and a warning says that no model answered; so it does where JSON was asked for, in which the text may not be.
 *
 * Aborts: rejects with the signal's reason. Errors: `model_not_found`.
 */
export const fallbackBackend = ({ answers, enabled, tell }: FallbackParts): Complete =>
  async function fallback(call) {
    const name = call.target?.model ?? '';
    const answer = answers.get(name);
    if (answer === undefined) throw unknown();
    call.signal.throwIfAborted();
    call.onConnected();
    addWarnings(call.trail, [fallbackAnswer()]);
    tell({ type: 'fallback_answered', answer: name });
    const text = filled(answer, factsOf(call, enabled));
    await emit(call, text);
    return create(CompleteResponseSchema, {
      content: [create(PartSchema, { part: { case: 'text', value: text } })],
      finishReason: FinishReason.FALLBACK,
      providerFinishReason: 'fallback',
      providerModel: name,
      usage: create(UsageSchema),
      cost: create(CostSchema, { status: CostStatus.PRICED, priceSource: 'fallback' }),
    });
  };

const unknown = () =>
  new GatewayError('model_not_found', 'There is no fallback answer of this name. See fallback.answers of the server.');

const factsOf = ({ id, request, context, trail }: Call, enabled: boolean) => ({
  request_type: request.requestType,
  source_agent: context.sourceAgent,
  trace_id: context.traceId,
  request_id: id,
  reason: enabled ? (failureOf(trail) ?? 'REQUESTED') : 'DISABLED',
});

/** Why the last try failed; undefined: none did. */
function failureOf({ attempts }: Trail): string | undefined {
  const failed = attempts.findLast(({ errorReason }) => errorReason !== ErrorReason.UNSPECIFIED);
  return failed && ErrorReason[failed.errorReason];
}

async function emit({ sink, signal }: Call, text: string): Promise<void> {
  if (sink && !sink.emit(textDelta(text))) await unlessAborted(sink.ready(), signal);
}
