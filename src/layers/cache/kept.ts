import { CacheStatus, type CompleteResponse, type Cost, CostStatus } from '#gen/antiphon/v1/completion_pb.js';
import { freeCost } from '../../core/cached.ts';
import { addWarnings, type Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { deltasOf } from '../../core/replay.ts';
import { roomIn } from '../../flights/room.ts';

/**
 * Gives an answer that was kept to a call, piece by piece if it streams. The answer must be a new object.
 *
 * Aborts: rejects with the signal's reason. Errors: `slow_consumer`.
 */
export async function giveKept(
  { trail, sink, signal }: Call,
  answer: CompleteResponse,
  stallMs: number,
  clock: Clock,
): Promise<CompleteResponse> {
  signal.throwIfAborted();
  trail.target = { provider: answer.provider, model: answer.model };
  trail.cacheStatus = CacheStatus.HIT;
  addWarnings(trail, answer.warnings);
  if (sink)
    for (const delta of deltasOf(answer.content)) if (!sink.emit(delta)) await roomIn(sink, stallMs, clock, signal);
  answer.cost = freeCost();
  answer.cacheStatus = CacheStatus.HIT;
  return answer;
}

/** What an answer had cost, in thousand-millionths of a US dollar. Undefined: nobody knows. */
export const nanoUsdOf = (cost: Cost | undefined): bigint | undefined =>
  cost === undefined || cost.status === CostStatus.UNPRICED ? undefined : cost.totalNanoUsd;
