import { fromBinary } from '@bufbuild/protobuf';
import { CompleteResponseSchema, StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ANSWER_TOKENS, behaviourOf, textOf } from '../workload.ts';

const ANSWER = textOf(ANSWER_TOKENS);

/** What is wrong with a unary answer. */
export function checkAnswer(bytes: Uint8Array): string | undefined {
  const { content, usage } = fromBinary(CompleteResponseSchema, bytes);
  const part = content[0]?.part;
  if (content.length !== 1 || part?.case !== 'text' || part.value !== ANSWER) return 'the text is not the one expected';
  if (usage?.outputTokens !== BigInt(ANSWER_TOKENS)) return 'the usage is not the one expected';
  return undefined;
}

const expectedTexts = new Map<string, string>();

/** The text of the stream that this model gives. */
function expectedText(model: string): string {
  let text = expectedTexts.get(model);
  if (text === undefined) {
    const behaviour = behaviourOf(model);
    text = behaviour.kind === 'stream' ? textOf(behaviour.tokens) : '';
    expectedTexts.set(model, text);
  }
  return text;
}

/** Checks a stream message by message. */
export class StreamCheck {
  #text = '';
  #messages = 0n;
  #completed = false;
  #error: string | undefined;

  /** Whether it was a token. */
  message(bytes: Uint8Array): boolean {
    const { sequence, event } = fromBinary(StreamCompleteResponseSchema, bytes);
    if (sequence !== this.#messages++) this.#error ??= `message ${this.#messages - 1n} has sequence ${sequence}`;
    if (event.case === 'completed') this.#completed = true;
    if (event.case === 'restart') this.#text = '';
    if (event.case !== 'textDelta') return false;
    this.#text += event.value.text;
    return true;
  }

  /** What is wrong with the stream, now that it is over. */
  end(model: string): string | undefined {
    if (this.#error) return this.#error;
    if (!this.#completed) return 'the stream ended without completed';
    return this.#text === expectedText(model) ? undefined : 'the text of the stream is not the one expected';
  }
}
