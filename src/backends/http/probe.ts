import { create } from '@bufbuild/protobuf';
import { CallContextSchema, CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { anonymous, newCall, newTrail } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Complete } from '../../core/complete.ts';
import { type ErrorKind, GatewayError, toGatewayError } from '../../core/errors.ts';
import { noSpan } from '../../core/span.ts';
import type { Target } from '../../core/target.ts';
import { type Rounds, startRounds, within } from './rounds.ts';

/** A provider that is asked whether it works. */
export interface ProbeSource {
  /** Aborts: rejects with the signal's reason. */
  readonly ask: (signal: AbortSignal) => Promise<unknown>;
  /** Is told what came of it. Undefined: it went well. */
  readonly ended: (error: ErrorKind | undefined, durationMs: number) => void;
  /** How long ago that was last, in milliseconds. Default: 0. */
  readonly idleMs?: number;
}

export interface ProbeOptions {
  readonly sources: readonly ProbeSource[];
  readonly settings: {
    /** From one answer to the next question, in milliseconds. Undefined: nothing is ever asked. */
    readonly everyMs: number | undefined;
    /** How long an answer may take. */
    readonly timeoutMs: number;
  };
  readonly clock: Clock;
}

/**
 * Asks each provider again and again whether it works, each at times of its own, so that none waits for another. The
 * first question comes after one interval, or what is left of it.
 */
export function startProbes({ sources, settings: { everyMs, timeoutMs }, clock }: ProbeOptions): Rounds {
  if (everyMs === undefined) return { close: () => Promise.resolve() };
  const all = sources.map((source) => {
    const firstMs = Math.max(everyMs - (source.idleMs ?? 0), 0);
    return startRounds({ firstMs, everyMs, clock, round: (signal) => probe(source, timeoutMs, clock, signal) });
  });
  return {
    async close() {
      await Promise.all(all.map((rounds) => rounds.close()));
    },
  };
}

async function probe({ ask, ended }: ProbeSource, timeoutMs: number, clock: Clock, signal: AbortSignal) {
  const startedMs = clock.now();
  let error: ErrorKind | undefined;
  try {
    await askWithin(timeoutMs, ask, clock, signal);
  } catch (thrown) {
    error = toGatewayError(thrown).kind;
  }
  if (!signal.aborted) ended(error, clock.now() - startedMs);
}

/** Asks once. Errors: those of `ask`; `upstream_timeout`. Aborts: rejects with the signal's reason. */
export const askWithin = <T>(
  timeoutMs: number,
  ask: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> => within(timeoutMs, tooSlow(), { clock, signal }, ask);

const tooSlow = () => new GatewayError('upstream_timeout', 'The provider did not answer a probe in time.');

/**
 * Asks for a completion of one token, which costs something. `id` is the call's.
 *
 * Errors and aborts: those of `complete`.
 */
export const askCompletion = (complete: Complete, target: Target, id: string, clock: Clock, signal: AbortSignal) =>
  complete({
    ...newCall({
      id,
      request: create(CompleteRequestSchema, {
        model: `${target.provider}/${target.model}`,
        messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'ping' } }] }],
        maxTokens: 1,
      }),
      caller: { ...anonymous, name: 'probe' },
      context: create(CallContextSchema, { traceId: id, sourceAgent: 'antiphon-probe' }),
      signal,
      deadlineMs: undefined,
      receivedMs: clock.now(),
      span: noSpan,
      trail: { ...newTrail(), target },
      sink: undefined,
    }),
    targets: [target],
    target,
  });
