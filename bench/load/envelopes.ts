/** Bytes before each message of gRPC and of a Connect stream: flags, and the length as a 32-bit number. */
const PREFIX_BYTES = 5;

/** A message with its prefix. */
export function enveloped(message: Uint8Array): Buffer {
  const envelope = Buffer.alloc(PREFIX_BYTES + message.length);
  envelope.writeUInt32BE(message.length, 1);
  envelope.set(message, PREFIX_BYTES);
  return envelope;
}

/** Cuts bytes into messages. */
export class EnvelopeReader {
  readonly #onMessage: (flags: number, message: Uint8Array) => void;
  #rest: Buffer | undefined;

  constructor(onMessage: (flags: number, message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let from = 0;
    while (bytes.length - from >= PREFIX_BYTES) {
      const start = from + PREFIX_BYTES;
      const end = start + bytes.readUInt32BE(from + 1);
      if (end > bytes.length) break;
      this.#onMessage(bytes[from] as number, bytes.subarray(start, end));
      from = end;
    }
    this.#rest = from < bytes.length ? bytes.subarray(from) : undefined;
  }
}
