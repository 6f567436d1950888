import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { TextStream } from '../grammar/text-stream.ts';
import { writeSignature } from './provider-state.ts';

/**
 * Text of one kind, and the signatures that come on it. A signature ends the text that came before it, and tells how
 * much of it came with the signature: often nothing, at the end of a stream.
 */
export class SignedText {
  readonly #target: Target;
  readonly #emit: (text: string, state?: ProviderState) => void;
  readonly #stream: TextStream;
  /** Characters since the last signature. */
  #length = 0;

  constructor(target: Target, emit: (text: string, state?: ProviderState) => void) {
    this.#target = target;
    this.#emit = emit;
    this.#stream = new TextStream((text) => {
      this.#length += text.length;
      emit(text);
    });
  }

  /** An empty `signature` is none. */
  push(text: string, signature: string): void {
    const before = this.#length;
    this.#stream.push(text);
    if (signature === '') return;
    this.#stream.flush();
    const tail = before === 0 ? undefined : this.#length - before;
    this.#length = 0;
    this.#emit('', writeSignature(this.#target, { value: signature, tail }));
  }

  /** Something else begins, or nothing more comes. */
  close(): void {
    this.#stream.flush();
    this.#length = 0;
  }
}
