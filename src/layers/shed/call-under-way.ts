import type { CompleteRequest, Media } from '#gen/antiphon/v1/completion_pb.js';
import { type LinkedAbort, linkedAbort } from '../../core/abort.ts';
import type { Call } from '../../core/call.ts';
import type { Delta, Sink } from '../../core/events.ts';
import { requestCharacters } from '../../core/usage.ts';

/** Passes everything on, and counts how much text has gone by: the answer is kept as a whole until it is complete. */
class MeasuredSink implements Sink {
  readonly #sink: Sink;
  characters = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  get committed(): boolean {
    return this.#sink.committed;
  }

  emit(delta: Delta): boolean {
    if (delta.case === 'restart') this.characters = 0;
    else if (delta.case === 'toolCallDelta') this.characters += delta.value.argumentsDelta.length;
    else this.characters += delta.value.text.length;
    return this.#sink.emit(delta);
  }

  ready(): Promise<void> {
    return this.#sink.ready();
  }
}

/** A call that can be ended from outside. */
export class CallUnderWay {
  /** The call to pass on. */
  readonly call: Call;
  readonly #abort: LinkedAbort;
  readonly #sink: MeasuredSink | undefined;
  #requestWeight: number | undefined;

  constructor(call: Call) {
    this.#abort = linkedAbort(call.signal);
    this.#sink = call.sink && new MeasuredSink(call.sink);
    this.call = { ...call, signal: this.#abort.signal, sink: this.#sink };
  }

  /** About how much memory it holds, in characters. Reads the whole request the first time. */
  get weight(): number {
    this.#requestWeight ??= weightOf(this.call.request);
    return this.#requestWeight + (this.#sink?.characters ?? 0);
  }

  /** Ends it with this as its error. */
  end(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Call it when the call is over. */
  release(): void {
    this.#abort.release();
  }
}

const weightOf = (request: CompleteRequest): number => requestCharacters(request, bytesOf);

/** What is only linked to is not held yet. */
const bytesOf = ({ source }: Media): number => (source.case === 'data' ? source.value.length : 0);
