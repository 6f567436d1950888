import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';

/** A request with the bytes of images and documents in the place of URLs. */
export interface Inlined {
  readonly request: CompleteRequest;
  /** To be called once, when nobody needs them any more. */
  release(): void;
}

/** Aborts: rejects with the signal's reason. */
export type Inline = (request: CompleteRequest, signal: AbortSignal) => Promise<Inlined>;

/**
 * Fetches what the provider cannot fetch itself. It stands outermost around a provider, so that no try fetches again,
 * and so that a slow server of files does not count against the provider. The time counts as one of waiting for others.
 *
 * Aborts: connections are closed. Errors: those of `inline`.
 */
export const media =
  (inline: Inline, clock: Pick<Clock, 'now'>): Layer =>
  (next) =>
  async (call) => {
    const { request, release } = await waited(call, inline, clock);
    try {
      return await next(request === call.request ? call : { ...call, request });
    } finally {
      release();
    }
  };

async function waited({ request, signal, trail }: Call, inline: Inline, clock: Pick<Clock, 'now'>): Promise<Inlined> {
  const startedMs = clock.now();
  try {
    return await inline(request, signal);
  } finally {
    trail.upstreamMs += clock.now() - startedMs;
  }
}
