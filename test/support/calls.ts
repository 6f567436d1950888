import { create } from '@bufbuild/protobuf';
import {
  CallContextSchema,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  FinishReason,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { anonymous, type Call, newCall, newTrail } from '../../src/core/call.ts';
import type { Complete } from '../../src/core/complete.ts';
import type { Delta, Sink } from '../../src/core/events.ts';
import { noSpan } from '../../src/core/span.ts';

/** A request that says "hello". */
export const helloRequest = (model = 'mock/echo'): CompleteRequest =>
  create(CompleteRequestSchema, {
    model,
    messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'hello' } }] }],
  });

export const helloResponse = (): CompleteResponse =>
  create(CompleteResponseSchema, {
    content: [{ part: { case: 'text', value: 'hello back' } }],
    finishReason: FinishReason.STOP,
    usage: { inputTokens: 3n, outputTokens: 2n, totalTokens: 5n },
  });

export function testCall(overrides: Partial<Call> = {}): Call {
  const call = newCall({
    id: 'call-1',
    request: helloRequest(),
    caller: anonymous,
    context: create(CallContextSchema, { traceId: 'trace-1', sourceAgent: 'tester', sessionId: 'session-1' }),
    signal: new AbortController().signal,
    deadlineMs: undefined,
    receivedMs: 1_000,
    span: noSpan,
    trail: newTrail(),
    sink: undefined,
  });
  return { ...call, target: { provider: 'mock', model: 'echo' }, ...overrides };
}

export interface ListSink extends Sink {
  readonly deltas: Delta[];
  /** Whether `emit` says that there is room. */
  room: boolean;
  /** Resolves what waits in `ready`. */
  drain(): void;
}

/** A sink that keeps what it gets. */
export function listSink(): ListSink {
  const deltas: Delta[] = [];
  let drained = Promise.withResolvers<void>();
  return {
    deltas,
    room: true,
    get committed() {
      return deltas.length > 0;
    },
    emit(delta) {
      deltas.push(delta);
      return this.room;
    },
    ready: () => drained.promise,
    drain() {
      drained.resolve();
      drained = Promise.withResolvers<void>();
    },
  };
}

/** A backend that waits for the call's signal and rejects with its reason, as every backend must. */
export const hang: Complete = (call) =>
  new Promise((_, reject) => {
    if (call.signal.aborted) reject(call.signal.reason);
    call.signal.addEventListener('abort', () => reject(call.signal.reason));
  });

/** Lets what is resolved run on. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
