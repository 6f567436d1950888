import { create } from '@bufbuild/protobuf';
import {
  type ProviderState,
  ReasoningDeltaSchema,
  RefusalDeltaSchema,
  RestartSchema,
  type StreamCompleteResponse,
  TextDeltaSchema,
  ToolCallDeltaSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { Target } from './target.ts';

/** What a stream says, in the contract's own words. */
export type StreamEvent = Extract<StreamCompleteResponse['event'], { case: string }>;

/** The events that carry content: what a backend emits. `start` and `completed` are added where the stream is opened. */
export type Delta = Extract<
  StreamEvent,
  { case: 'textDelta' | 'reasoningDelta' | 'toolCallDelta' | 'refusalDelta' | 'restart' }
>;

/** Assigned rather than given to `create`, which looks at every field of what it is given: this is done per token. */
export function textDelta(text: string, providerState?: ProviderState): Delta {
  const value = create(TextDeltaSchema);
  value.text = text;
  if (providerState) value.providerState = providerState;
  return { case: 'textDelta', value };
}

export function reasoningDelta(text: string, providerState?: ProviderState): Delta {
  const value = create(ReasoningDeltaSchema);
  value.text = text;
  if (providerState) value.providerState = providerState;
  return { case: 'reasoningDelta', value };
}

export const refusalDelta = (text: string): Delta => ({
  case: 'refusalDelta',
  value: create(RefusalDeltaSchema, { text }),
});

/** The first delta of a tool call has its id and name; those after it have neither. */
export const toolCallDelta = (
  index: number,
  argumentsDelta: string,
  first?: { id: string; name: string },
  providerState?: ProviderState,
): Delta => ({
  case: 'toolCallDelta',
  value: create(ToolCallDeltaSchema, { index, argumentsDelta, ...first, ...(providerState ? { providerState } : {}) }),
});

/** Voids what came before. `reason` is unspecified where no error did it. */
export const restart = ({ provider, model }: Target, reason: ErrorReason): Delta => ({
  case: 'restart',
  value: create(RestartSchema, { provider, model, reason }),
});

/**
 * Where the pieces of a streaming answer go.
 *
 * Aborts: a sink of a caller that went away swallows what it is given; the call's signal ends the work.
 */
export interface Sink {
  /** Passes on one piece. False: the caller's buffer is full, emit no more until `ready` resolves. */
  emit(delta: Delta): boolean;
  /** Resolves when there is room again. Never rejects; resolves also when the caller has gone. */
  ready(): Promise<void>;
  /** Whether anything has gone to the caller, so that nothing may be tried again silently. */
  readonly committed: boolean;
}

/**
 * Tells what is wrong with a stream, or undefined if it keeps the grammar: `start` once and first; then deltas;
 * `completed` once and last; sequence numbers from 0 without gaps; tool calls begin in the order of their index, each
 * with its id and name, and only there.
 */
export function checkEvents(messages: readonly StreamCompleteResponse[]): string | undefined {
  let toolCalls = 0;
  for (const [i, { sequence, event }] of messages.entries()) {
    if (sequence !== BigInt(i)) return `message ${i} has sequence ${sequence}`;
    if (event.case === undefined) return `message ${i} has no event`;
    if ((event.case === 'start') !== (i === 0)) return `message ${i} is ${event.case}`;
    if ((event.case === 'completed') !== (i === messages.length - 1))
      return `message ${i} of ${messages.length} is ${event.case}`;
    if (event.case === 'completed' && event.value.content.length > 0) return 'completed has content';
    if (event.case === 'restart') toolCalls = 0;
    if (event.case !== 'toolCallDelta') continue;
    const { index, id, name } = event.value;
    const first = index === toolCalls;
    if (first) toolCalls++;
    if (index >= toolCalls) return `message ${i} skips to tool call ${index}`;
    if ((id !== '') !== first || (name !== '') !== first)
      return `message ${i}: id and name belong to a tool call's first delta`;
  }
  return messages.length === 0 ? 'no messages' : undefined;
}
