import { type DescMessage, fromJsonString } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';

const options = { ignoreUnknownFields: true };

/**
 * How connect-es is to read a method's requests in JSON. What it says itself of a request that does not fit quotes
 * it, which may be the prompt, so each is tried here first: JSON is read twice, on the door where speed matters least.
 */
export const jsonOptionsFor = (input: DescMessage) => ({ ...options, textDecoder: new CheckingDecoder(input) });

class CheckingDecoder extends TextDecoder {
  readonly #input: DescMessage;

  constructor(input: DescMessage) {
    // Otherwise bytes that are not UTF-8 would silently become other characters.
    super('utf-8', { fatal: true });
    this.#input = input;
  }

  override decode(bytes?: Parameters<TextDecoder['decode']>[0]): string {
    try {
      const text = super.decode(bytes);
      fromJsonString(this.#input, text, options);
      return text;
    } catch (thrown) {
      throw new ConnectError(explain(thrown), Code.InvalidArgument);
    }
  }
}

/** What of protobuf-es's message on JSON that does not fit may be told: only what names a part of the contract. */
export function explain(thrown: unknown): string {
  if (!(thrown instanceof Error) || 'code' in thrown) return 'The request is not UTF-8.';
  const field = /^cannot decode field ([\w.]+) from JSON/.exec(thrown.message)?.[1];
  if (field) return `The JSON of the request does not fit the field ${field}.`;
  return 'The request is not JSON, or not that of its message.';
}
