import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { addWarnings, type Call, type Trail } from '../../core/call.ts';
import type { Timer } from '../../core/clock.ts';
import { type GatewayError, toGatewayError } from '../../core/errors.ts';
import type { Hedging } from '../../core/policy.ts';
import { joinTrail, joinTries } from '../../core/spent.ts';
import type { Target } from '../../core/target.ts';
import type { Candidates } from './candidates.ts';
import { type Failure, failureAt, leave } from './failures.ts';
import type { RouteParts } from './parts.ts';
import { Racer } from './racer.ts';

/** What a try has of its own while others run. */
export interface OwnParts {
  readonly trail: Trail;
  readonly signal: AbortSignal;
  /** To be asked before its first piece goes to the caller; false: nothing of it may. Undefined: no other runs. */
  readonly begin?: () => boolean;
}

/** What a race needs of the call that it is for. */
export interface Track {
  readonly call: Call;
  readonly candidates: Candidates;
  /** Sends a try to a target. Errors: those of the target, as a rejection. */
  send(target: Target, own: OwnParts): Promise<CompleteResponse>;
  /** Is told of each try that failed, other than by losing. */
  failed(failure: Failure): void;
}

/**
 * How many turns of the microtask queue the losers get to come to their ends. A backend ends at once when it is
 * aborted; the news of it takes about one turn for each layer on its way up.
 */
const SETTLING_TURNS = 64;

/**
 * One try, and further ones if it takes long, each on a target of its own as long as one is ready. The first answer
 * wins, or the first piece of one; the others are ended at once, and nothing of them remains but their records and
 * what they will have cost.
 *
 * Aborts: ends all of them. Errors: that of the last try, if all fail, or of the winner.
 */
export class Race {
  /** Further tries that were due, whether or not there was a target and a permission for them. */
  hedges = 0;
  readonly #parts: RouteParts;
  readonly #track: Track;
  readonly #hedging: Hedging;
  readonly #racers: Racer[] = [];
  readonly #end = Promise.withResolvers<CompleteResponse>();
  #timer: Timer | undefined;
  #winner: Racer | undefined;
  /** The last one to fail, if all did. */
  #failedLast: Racer | undefined;

  constructor(parts: RouteParts, track: Track, hedging: Hedging) {
    this.#parts = parts;
    this.#track = track;
    this.#hedging = hedging;
  }

  async run(target: Target): Promise<CompleteResponse> {
    this.#start(target, undefined);
    this.#arm();
    try {
      return await this.#end.promise;
    } finally {
      for (let turn = 0; turn < SETTLING_TURNS && this.#isRunning; turn++) await undefined;
      this.#join();
    }
  }

  #start(target: Target, giveBack: (() => void) | undefined): void {
    const { call } = this.#track;
    const racer = new Racer(call, target, this.#parts.clock.now(), giveBack);
    this.#racers.push(racer);
    const own = { trail: racer.trail, signal: racer.signal, begin: () => this.#claim(racer) };
    this.#track.send(target, own).then(
      (response) => this.#answered(racer, response),
      (thrown) => this.#failed(racer, toGatewayError(thrown)),
    );
  }

  #arm(): void {
    if (this.#isDecided || this.hedges >= this.#hedging.max) return;
    this.#timer = this.#parts.clock.after(this.#hedging.afterMs, () => {
      if (!this.#track.call.signal.aborted) this.#hedge(this.#track.candidates.nextReady() ?? this.#again());
    });
  }

  /** Undefined: there is no target for it. */
  #hedge(target: Target | undefined): void {
    if (this.hedges >= this.#hedging.max) return;
    this.#timer?.cancel();
    this.hedges++;
    const giveBack = target && this.#parts.budgetOf(target.provider).take();
    if (target && giveBack) {
      this.#track.candidates.take(target);
      this.#start(target, giveBack);
    } else if (target) this.#parts.tell({ type: 'budget_spent', provider: target.provider });
    this.#arm();
  }

  /** The best target that is already being tried, if no other can be. */
  #again(): Target | undefined {
    const running = this.#racers.find(({ isRunning }) => isRunning)?.target;
    return running && this.#track.candidates.isUsable(running) ? running : undefined;
  }

  /** Whether this one is the winner; if nobody is yet, it becomes so. */
  #claim(racer: Racer): boolean {
    if (this.#isDecided) return this.#winner === racer;
    this.#winner = racer;
    this.#decide();
    const { call, candidates } = this.#track;
    call.trail.target = racer.target;
    addWarnings(call.trail, racer.trail.warnings);
    for (const other of this.#racers) {
      if (other === racer || !other.isRunning) continue;
      other.lost();
      if (other.target !== racer.target) candidates.restore(other.target);
    }
    return true;
  }

  #answered(racer: Racer, response: CompleteResponse): void {
    racer.ended();
    if (this.#claim(racer)) this.#end.resolve(response);
  }

  #failed(racer: Racer, error: GatewayError): void {
    racer.ended();
    if (this.#isDecided && this.#winner !== racer) return;
    const failure = failureAt(racer.target, error, racer.trail);
    this.#track.failed(failure);
    if (!this.#isRunning || racer === this.#winner || this.#track.call.signal.aborted)
      return this.#giveUp(racer, error);
    leave(failure, 'another try was under way');
    // What rules out other targets rules out further tries.
    if (!error.rule.next) this.hedges = this.#hedging.max;
    const other = this.#track.candidates.nextReady();
    if (other) this.#hedge(other);
  }

  #giveUp(racer: Racer, error: GatewayError): void {
    this.#failedLast = racer;
    if (!this.#winner) this.#decide();
    this.#end.reject(error);
  }

  get #isDecided(): boolean {
    return this.#winner !== undefined || this.#failedLast !== undefined;
  }

  get #isRunning(): boolean {
    return this.#racers.some(({ isRunning }) => isRunning);
  }

  #decide(): void {
    this.#timer?.cancel();
    for (const racer of this.#racers.slice(1))
      this.#parts.tell({ type: 'hedged', target: racer.target, won: racer === this.#winner });
  }

  /** Brings what the racers have found out together, in the order in which they began. */
  #join(): void {
    const { trail } = this.#track.call;
    const decisive = this.#winner ?? this.#failedLast;
    for (const racer of this.#racers) {
      racer.account();
      if (racer === decisive) joinTrail(trail, racer.trail);
      else joinTries(trail, racer.trail);
    }
    if (decisive) trail.upstreamMs += this.#waitedBeforeMs(decisive);
  }

  /** How long others had been with a provider when this one began. */
  #waitedBeforeMs({ startedMs }: Racer): number {
    const before = this.#racers.filter((racer) => racer.startedMs < startedMs);
    const waitedMs = before.map(({ trail }) => trail.upstreamMs);
    return Math.min(startedMs - (before[0]?.startedMs ?? startedMs), Math.max(0, ...waitedMs));
  }
}
