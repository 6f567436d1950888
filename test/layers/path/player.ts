import { create } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  CompleteResponseSchema,
  type Cost,
  CostSchema,
  CostStatus,
  type FinishReason,
} from '#gen/antiphon/v1/completion_pb.js';
import { unlessAborted } from '../../../src/core/abort.ts';
import type { Call } from '../../../src/core/call.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { type ErrorKind, GatewayError } from '../../../src/core/errors.ts';
import { textDelta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { sleep } from '../../../src/core/sleep.ts';
import { addSpent } from '../../../src/core/spent.ts';
import type { Target } from '../../../src/core/target.ts';
import { estimateUsage } from '../../../src/core/usage.ts';

/** What a provider does when it is asked. */
export interface Play {
  /** Until the first piece, or the whole answer, and then between pieces, in milliseconds. */
  readonly afterMs: number;
  readonly paceMs: number;
  /** Its words. None: it ends without a word. */
  readonly pieces: number;
  readonly end: FinishReason | ErrorKind | 'hang';
  readonly retryAfterMs?: number | undefined;
  /** Undefined: the model has no price. */
  readonly nanoUsd: bigint | undefined;
}

/** One time that a provider was asked. */
export interface Ask {
  readonly target: Target;
  /** How often this target was asked before. */
  readonly number: number;
  readonly callId: string;
  /** Shadows have the lowest priority, and no call of a test has. */
  readonly isShadow: boolean;
  readonly play: Play;
  readonly atMs: number;
  isOver: boolean;
}

/** By "provider/model": the n-th time with the n-th play, then with the last one. */
export type Plays = Readonly<Record<string, readonly Play[]>>;

export const targetOf = (name: string): Target => {
  const [provider = '', model = ''] = name.split('/');
  return { provider, model };
};

export const nameOf = ({ provider, model }: Target): string => `${provider}/${model}`;

/** Undefined: there is no price. */
export const costOf = (nanoUsd: bigint | undefined): Cost =>
  nanoUsd === undefined
    ? create(CostSchema, { status: CostStatus.UNPRICED })
    : create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: nanoUsd, inputNanoUsd: nanoUsd });

const LONG_MS = 1e9;

/** Plays all providers, as the backend over HTTP does: what breaks off has cost something. */
export class Player {
  readonly asks: Ask[] = [];
  readonly #plays: Plays;
  readonly #clock: Clock;

  constructor(plays: Plays, clock: Clock) {
    this.#plays = plays;
    this.#clock = clock;
  }

  async complete(call: Call): Promise<CompleteResponse> {
    const ask = this.#ask(call);
    const fold = new Fold();
    call.onConnected();
    try {
      await this.#say(call, ask, fold);
      return await this.#end(call, ask.play, fold);
    } catch (thrown) {
      if (fold.parts.length > 0 || call.signal.aborted) noteBroken(call, fold, costOf(ask.play.nanoUsd));
      throw thrown;
    } finally {
      call.trail.upstreamMs += this.#clock.now() - ask.atMs;
      ask.isOver = true;
    }
  }

  #ask({ target = targetOf(''), id: callId, priority }: Call): Ask {
    const plays = this.#plays[nameOf(target)] ?? [];
    const number = this.asks.filter((ask) => nameOf(ask.target) === nameOf(target)).length;
    const play = plays[Math.min(number, plays.length - 1)];
    if (!play) throw new Error(`no play for ${nameOf(target)}`);
    const isShadow = priority === 'low';
    const ask: Ask = { target, number, callId, isShadow, play, atMs: this.#clock.now(), isOver: false };
    this.asks.push(ask);
    return ask;
  }

  async #say({ sink, signal }: Call, { target, number, play }: Ask, fold: Fold): Promise<void> {
    await sleep(play.afterMs, this.#clock, signal);
    for (let i = 0; i < play.pieces; i++) {
      if (i > 0) await sleep(play.paceMs, this.#clock, signal);
      const delta = textDelta(`${nameOf(target)}#${number}:${i} `);
      fold.add(delta);
      if (sink && !sink.emit(delta)) await unlessAborted(sink.ready(), signal);
    }
  }

  async #end(call: Call, { end, retryAfterMs, nanoUsd }: Play, fold: Fold): Promise<CompleteResponse> {
    if (end === 'hang') await sleep(LONG_MS, this.#clock, call.signal);
    if (typeof end === 'string')
      throw new GatewayError(end as ErrorKind, 'It failed.', retryAfterMs === undefined ? {} : { retryAfterMs });
    const usage = estimateUsage(call.request, fold.parts);
    return create(CompleteResponseSchema, {
      content: [...fold.parts],
      finishReason: end,
      usage,
      cost: costOf(nanoUsd),
    });
  }
}

function noteBroken({ request, trail, attempt }: Call, fold: Fold, cost: Cost): void {
  const usage = estimateUsage(request, fold.parts);
  addSpent(trail, usage, cost);
  if (attempt) Object.assign(attempt, { usage, cost });
}
