import { create } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  StartSchema,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Trail } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Delta, Sink, StreamEvent } from '../core/events.ts';
import type { Inbound, StreamOut } from './service.ts';

/**
 * Keeps a stream's grammar: whatever comes first is preceded by `start`, `completed` is written once and last, and
 * the sequence has no gaps. Nothing is written before the first content, so that an error until then is a plain one.
 */
export class StreamWriter implements Sink {
  readonly #out: StreamOut;
  readonly #inbound: Inbound;
  readonly #trail: Trail;
  readonly #clock: Clock;
  #sequence = 0n;
  #over = false;

  constructor(out: StreamOut, inbound: Inbound, trail: Trail, clock: Clock) {
    this.#out = out;
    this.#inbound = inbound;
    this.#trail = trail;
    this.#clock = clock;
  }

  get committed(): boolean {
    return this.#sequence > 0n;
  }

  /** After the end it does nothing. */
  emit(delta: Delta): boolean {
    if (this.#over) return true;
    if (this.#sequence === 0n) this.#start();
    return this.#write(delta);
  }

  ready(): Promise<void> {
    return this.#out.drained();
  }

  completed(response: CompleteResponse): void {
    if (this.#over) return;
    if (this.#sequence === 0n) this.#start();
    this.#over = true;
    this.#write({ case: 'completed', value: { ...response, content: [] } });
  }

  #start(): void {
    const { target, warnings, cacheStatus } = this.#trail;
    this.#trail.firstTokenAtMs = this.#clock.now();
    const value = create(StartSchema, {
      id: this.#inbound.id,
      model: target?.model ?? '',
      provider: target?.provider ?? '',
      context: this.#inbound.context,
      cacheStatus,
      warnings: [...warnings],
    });
    this.#write({ case: 'start', value });
  }

  #write(event: StreamEvent): boolean {
    const message: StreamCompleteResponse = create(StreamCompleteResponseSchema);
    message.sequence = this.#sequence++;
    message.event = event;
    return this.#out.write(message);
  }
}
