/**
 * Text that comes in pieces. A pair of UTF-16 surrogates may be cut in two: the first half waits for the second, so
 * that every piece passed on is whole characters. Halves without a partner become U+FFFD.
 */
export class TextStream {
  readonly #emit: (text: string) => void;
  #half = '';

  constructor(emit: (text: string) => void) {
    this.#emit = emit;
  }

  push(piece: string): void {
    if (piece === '') return;
    let text = this.#half === '' ? piece : this.#half + piece;
    const last = text.charCodeAt(text.length - 1);
    this.#half = '';
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    if (text !== '') this.#emit(text.toWellFormed());
  }

  /** Nothing more comes. */
  flush(): void {
    if (this.#half !== '') this.#emit('\ufffd');
    this.#half = '';
  }
}
