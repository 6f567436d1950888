import { GatewayError } from '../../core/errors.ts';
import { TextStream } from '../grammar/text-stream.ts';

/** Text of which every piece repeats what came before. What is new is passed on, in whole characters. */
export class CumulativeText {
  readonly #stream: TextStream;
  #soFar = '';

  constructor(emit: (text: string) => void) {
    this.#stream = new TextStream(emit);
  }

  /** Whether it only adds to what came before, or says nothing. */
  goesOn(text: string): boolean {
    return text === '' || text.startsWith(this.#soFar);
  }

  /**
   * Takes the text so far. Errors: `upstream_bad_response` for one that takes back what was passed on already, since the
   * caller has it.
   */
  push(text: string, isLast: boolean): void {
    // A character whose bytes are not all there yet comes as U+FFFD.
    const whole = isLast ? text : withoutHalfCharacter(text);
    if (!whole.startsWith(this.#soFar)) throw changed();
    this.#stream.push(whole.slice(this.#soFar.length));
    this.#soFar = whole;
  }

  /** Nothing more comes. */
  flush(): void {
    this.#stream.flush();
  }
}

/** By a loop: a pattern would look again at every run of them, of which there may be very many. */
function withoutHalfCharacter(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '\ufffd') end--;
  return text.slice(0, end);
}

const changed = () =>
  new GatewayError('upstream_bad_response', 'The provider changed text that it had sent already. Try again.');
