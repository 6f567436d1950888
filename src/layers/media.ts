import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';

/** Gives a request with the bytes of images and documents in the place of URLs. Aborts: rejects with the reason. */
export type Inline = (request: CompleteRequest, signal: AbortSignal) => Promise<CompleteRequest>;

/**
 * Fetches what the provider cannot fetch itself. It stands outermost around a provider, so that no try fetches again,
 * and so that a slow server of files does not count against the provider.
 *
 * Aborts: connections are closed. Errors: those of `inline`.
 */
export const media =
  (inline: Inline, clock: Pick<Clock, 'now'>): Layer =>
  (next) =>
  async (call) => {
    const startedMs = clock.now();
    try {
      const request = await inline(call.request, call.signal);
      return next(request === call.request ? call : { ...call, request });
    } finally {
      call.trail.upstreamMs += clock.now() - startedMs;
    }
  };
