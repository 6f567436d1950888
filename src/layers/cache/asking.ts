import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Answers } from '../../cache/answers.ts';
import { isWorthKeeping } from '../../cache/cacheable.ts';
import type { Entry } from '../../cache/entry.ts';
import type { CacheSettings } from '../../cache/settings.ts';
import type { Call } from '../../core/call.ts';
import type { Complete } from '../../core/complete.ts';
import type { Target } from '../../core/target.ts';

export interface Asking {
  readonly settings: CacheSettings;
  readonly answers: Pick<Answers, 'findShared' | 'put' | 'lease' | 'isShared'>;
  readonly entry: Entry;
  /** Where the call goes first. */
  readonly target: Target;
  /** False: an answer that others have kept does not count. */
  readonly reads: boolean;
  /** Gives a call an answer that was kept. */
  readonly give: (call: Call, answer: CompleteResponse) => Promise<CompleteResponse>;
}

/**
 * Asks for an answer that is not in this process: of the processes that share a store, one asks a model at a time. What it
 * gets is kept if it is worth it, without the call waiting for that.
 */
export const asking =
  (next: Complete, parts: Asking): Complete =>
  async (call) => {
    const { answers, entry, reads, give } = parts;
    if (!reads || !answers.isShared) return keeping(next, call, parts);
    const known = await answers.findShared(entry);
    if (known) return give(call, known);
    const { answer, release } = await answers.lease(entry, call.signal);
    if (answer) {
      void release();
      return give(call, answer);
    }
    try {
      return await keeping(next, call, parts, release);
    } catch (thrown) {
      void release();
      throw thrown;
    }
  };

async function keeping(
  next: Complete,
  call: Call,
  { answers, entry, target, settings }: Asking,
  release?: () => Promise<void>,
): Promise<CompleteResponse> {
  const { trail } = call;
  const before = trail.warnings.length;
  const response = await next(call);
  const origin = { target: trail.target ?? target, warnings: trail.warnings.slice(before) };
  const kept = isWorthKeeping(response, origin, target)
    ? answers.put(entry, response, origin, ttlMs(call, settings))
    : undefined;
  // Not before it is there: whoever waits for it would ask as well.
  if (release) void (kept ?? Promise.resolve()).then(release);
  return response;
}

/** How long an answer is kept: as the call says, or its rule, or its kind of task, or as any. */
function ttlMs({ request, policy }: Call, { requestTypes, ttlMs: ofAll }: CacheSettings): number {
  const { ttl } = request.cache ?? {};
  if (ttl) return Number(ttl.seconds) * 1000 + Math.ceil(ttl.nanos / 1e6);
  return policy.cacheTtlMs ?? requestTypes.get(request.requestType) ?? ofAll;
}
