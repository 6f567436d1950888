import type { Call } from '../../core/call.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Delta } from '../../core/events.ts';
import type { Fold } from '../../core/fold.ts';
import type { Redact } from '../../core/redact.ts';
import type { Target } from '../../core/target.ts';
import type { Decoder, Dialect, Ending } from '../../dialects/dialect.ts';
import type { Provider } from '../../providers/provider.ts';
import { type FrameParser, frameParser } from '../../wire/frames.ts';
import { parseJson } from '../../wire/json.ts';
import { isCompressed, type Receiver } from './exchange.ts';

export interface AnswerLimits {
  readonly provider: Provider;
  readonly redact: Redact;
  readonly maxResponseBytes: number;
  readonly maxEventBytes: number;
}

/** Of a failed answer, only so much is read: enough for any provider's error. */
const MAX_FAILURE_BYTES = 65_536;

const utf8 = new TextDecoder();

type Mode = 'head' | 'stream' | 'body' | 'failure';

/** White space and a byte order mark: what may stand before the first character of an answer. */
const BLANK: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
const OPENING: ReadonlySet<number | undefined> = new Set(Buffer.from('{['));

/**
 * Hears one answer: a stream of events, a JSON body, or a failure. The pieces go to the fold and the caller's sink.
 * `isStreamed`: a stream was asked for.
 */
export class Answer implements Receiver {
  requestId = '';
  readonly #limits: AnswerLimits;
  readonly #call: Call;
  readonly #dialect: Dialect;
  readonly #decoder: Decoder;
  readonly #parser: FrameParser;
  readonly #isStreamed: boolean;
  #isConnected = false;
  #mode: Mode = 'head';
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #bytes = 0;
  #begun = false;
  #chunks: Uint8Array[] = [];
  #room = true;

  constructor(limits: AnswerLimits, dialect: Dialect, call: Call, target: Target, fold: Fold, isStreamed: boolean) {
    this.#limits = limits;
    this.#isStreamed = isStreamed;
    this.#call = call;
    this.#dialect = dialect;
    const { sink } = call;
    this.#decoder = this.#dialect.decoder(target, (delta: Delta) => {
      fold.add(delta);
      if (sink && !sink.emit(delta)) this.#room = false;
    });
    this.#parser = frameParser(dialect.framing, {
      maxEventBytes: limits.maxEventBytes,
      onFrame: (frame) => {
        if (!this.#decoder.done) this.#decoder.push(frame);
      },
    });
  }

  /** The provider has the request, and has not refused it: it is at work, and will be paid for that. */
  get isUnderWay(): boolean {
    return this.#isConnected && this.#mode !== 'failure';
  }

  connected(): void {
    this.#isConnected = true;
    this.#call.onConnected();
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#headers = headers;
    const { provider, redact } = this.#limits;
    this.requestId = asId(redact(headers[provider.requestIdHeader] ?? ''));
    if (status < 200 || status > 299) {
      this.#mode = 'failure';
      return;
    }
    // Nothing is decompressed, so that nothing can be inflated into a bomb.
    if (isCompressed(headers)) throw compressed();
    this.#mode = this.#framing((headers['content-type'] ?? '').toLowerCase());
  }

  data(bytes: Uint8Array): boolean {
    this.#bytes += bytes.length;
    if (this.#mode === 'failure') return this.#keepSome(bytes);
    if (this.#bytes > this.#limits.maxResponseBytes) throw tooLarge();
    if (this.#mode === 'stream' && !this.#begun) this.#begin(bytes);
    if (this.#mode === 'body') {
      this.#chunks.push(bytes);
      return true;
    }
    this.#room = true;
    this.#parser.push(bytes);
    return this.#room;
  }

  ready(): Promise<void> {
    return this.#call.sink?.ready() ?? Promise.resolve();
  }

  get done(): boolean {
    if (this.#mode === 'failure') return this.#bytes >= MAX_FAILURE_BYTES;
    return this.#mode === 'stream' && this.#decoder.done;
  }

  /** Call it when the exchange is over. Errors: what the provider said, or that the answer is not whole. */
  end(): Ending {
    if (this.#mode === 'failure') throw this.#failure();
    if (this.#mode === 'body') this.#replay(parseJson(this.#text()));
    else this.#parser.end();
    return this.#decoder.end();
  }

  /** Some servers answer a request for a stream with a body, and some streams are not labelled as such. */
  #framing(contentType: string): Mode {
    if (contentType.includes('event-stream')) return 'stream';
    if (this.#dialect.framing === 'ndjson') return this.#isStreamed ? 'stream' : 'body';
    return this.#isStreamed && !contentType.includes('json') ? 'stream' : 'body';
  }

  /** Some errors come as JSON under the label of a stream of events, where no line can begin so. */
  #begin(bytes: Uint8Array): void {
    const first = bytes.find((byte) => !BLANK.has(byte));
    this.#begun = first !== undefined;
    if (this.#dialect.framing === 'sse' && OPENING.has(first)) this.#mode = 'body';
  }

  #replay(body: unknown): void {
    for (const content of this.#dialect.replay(body)) this.#decoder.chunk(content);
  }

  #failure(): GatewayError {
    return this.#dialect.failure({ status: this.#status, headers: this.#headers, body: this.#text() });
  }

  #text(): string {
    return utf8.decode(Buffer.concat(this.#chunks));
  }

  #keepSome(bytes: Uint8Array): boolean {
    if (this.#bytes - bytes.length < MAX_FAILURE_BYTES) this.#chunks.push(bytes);
    return true;
  }
}

/** An id as it may go into headers and logs; anything else is not one. */
const asId = (value: string): string => (/^[\x21-\x7e]{1,128}$/.test(value) ? value : '');

const compressed = () =>
  new GatewayError('upstream_bad_response', 'The provider sent a compressed answer, which it was asked not to.');

const tooLarge = () =>
  new GatewayError('upstream_too_large', "The provider's answer is larger than the gateway accepts. Ask for less.");
