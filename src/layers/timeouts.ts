import { linkedAbort } from '../core/abort.ts';
import type { Call } from '../core/call.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Sink } from '../core/events.ts';
import type { TryLimits } from '../core/policy.ts';

type Phase = 'connect' | 'first token' | 'idle' | 'stall' | 'answer' | 'share';

/**
 * One timer for all phases, and for the answer as a whole. Setting a later time, as every token does, costs an
 * assignment.
 */
class Alarm {
  readonly #clock: Clock;
  readonly #totalEndMs: number;
  readonly #ring: (phase: Phase) => void;
  #phase: Phase = 'answer';
  #dueMs: number;
  /** No phase lasts longer. */
  #endMs: number;
  #armedMs = 0;
  #timer: Timer | undefined;
  #over = false;

  /** `byMs`: when the answer must be whole, or a stream must have begun, by the clock. */
  constructor(clock: Clock, totalMs: number, ring: (phase: Phase) => void, byMs = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#ring = ring;
    this.#totalEndMs = clock.now() + totalMs;
    this.#endMs = Math.min(this.#totalEndMs, byMs);
    this.#dueMs = this.#endMs;
  }

  /** Begins a phase. Its bound counts only if it comes before that of the whole answer. */
  set(phase: Phase, delayMs: number): void {
    if (this.#over) return;
    const dueMs = this.#clock.now() + delayMs;
    const isFirst = dueMs < this.#endMs;
    this.#phase = isFirst ? phase : this.#endPhase;
    this.#dueMs = isFirst ? dueMs : this.#endMs;
    if (!this.#timer || this.#dueMs < this.#armedMs) this.#arm();
  }

  /** Begins a phase of an answer that has begun: from then on, only the bound for the whole answer counts. */
  goOn(phase: Phase, delayMs: number): void {
    this.#endMs = this.#totalEndMs;
    this.set(phase, delayMs);
  }

  /** Stops for good: a sink may still say that there is room when the call is over. */
  end(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  get #endPhase(): Phase {
    return this.#endMs < this.#totalEndMs ? 'share' : 'answer';
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#armedMs = this.#dueMs;
    this.#timer = this.#clock.after(Math.max(this.#dueMs - this.#clock.now(), 0), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#clock.now() < this.#dueMs) this.#arm();
    else this.#ring(this.#phase);
  }
}

function timeout(phase: Phase): GatewayError {
  if (phase === 'stall')
    return new GatewayError(
      'slow_consumer',
      'The stream was not read for too long. Read it as it comes, or do not stream.',
    );
  if (phase === 'share')
    return new GatewayError(
      'upstream_timeout',
      'The provider did not answer in its part of the time: the rest is kept for other models. Allow more time.',
    );
  const what = {
    connect: 'did not accept the connection',
    'first token': 'did not begin to answer',
    idle: 'stopped in the middle of its answer',
    answer: 'did not finish its answer',
  }[phase];
  return new GatewayError(
    'upstream_timeout',
    `The provider ${what} in the time allowed. Try again, or use another model.`,
  );
}

/** Passes everything on, and tells the alarm what the stream does. */
function watched(sink: Sink, alarm: Alarm, { idleMs, stallMs }: TryLimits): Sink {
  return {
    emit(delta) {
      const room = sink.emit(delta);
      if (room) alarm.goOn('idle', idleMs);
      else alarm.goOn('stall', stallMs);
      return room;
    },
    async ready() {
      await sink.ready();
      alarm.goOn('idle', idleMs);
    },
    get committed() {
      return sink.committed;
    },
  };
}

/**
 * Ends a try that takes too long: to connect, to the first token, between tokens, or altogether. It stands right
 * above the backend, so that waiting in a queue is not counted against the provider. The timers are the gateway's
 * own: undici's fire up to a second late.
 *
 * What the policy of a call says of its limits goes before `configured`. Where other models are left, a try also ends
 * at `call.answerByMs`, unless its stream has begun by then.
 */
export const timeouts =
  (configured: TryLimits, clock: Clock): Layer =>
  (next) =>
  async (call) => {
    const limits = limitsOf(configured, call.policy.limits);
    const abort = linkedAbort(call.signal);
    const totalMs = call.sink ? limits.streamTotalMs : limits.totalMs;
    const alarm = new Alarm(clock, totalMs, (phase) => abort.abort(timeout(phase)), call.answerByMs);
    alarm.set('connect', limits.connectMs);
    try {
      return await next({ ...call, signal: abort.signal, ...guards(call, alarm, limits) });
    } finally {
      alarm.end();
      abort.release();
    }
  };

/** Most calls have no limits of their own, and get no object of their own. */
function limitsOf(configured: TryLimits, own: Partial<TryLimits>): TryLimits {
  for (const _ in own) return { ...configured, ...own };
  return configured;
}

function guards({ sink }: Call, alarm: Alarm, limits: TryLimits): Pick<Call, 'sink' | 'onConnected'> {
  if (!sink) return { sink, onConnected: () => alarm.set('answer', Number.POSITIVE_INFINITY) };
  return {
    sink: watched(sink, alarm, limits),
    onConnected: () => alarm.set('first token', limits.firstTokenMs),
  };
}
