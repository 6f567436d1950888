import { TextStream } from '../grammar/text-stream.ts';

/** A text that comes in deltas, whole at the end, or both. What was heard is not passed on again. */
export class Piece {
  readonly #stream: TextStream;
  #heard = 0;

  constructor(emit: (text: string) => void) {
    this.#stream = new TextStream(emit);
  }

  push(delta: string): void {
    this.#heard += delta.length;
    this.#stream.push(delta);
  }

  /** The whole text is known. */
  close(whole: string): void {
    this.push(whole.slice(this.#heard));
    this.flush();
  }

  /** Nothing more comes. */
  flush(): void {
    this.#stream.flush();
  }
}
