// A process of its own: a provider that speaks OpenAI chat completions and costs as little as it can, so that what is
// measured is the gateway. It writes HTTP/1.1 by hand, and each token as a chunk and a write of its own.
import { createServer, type Socket } from 'node:net';
import { listening } from './listening.ts';
import { machineMs } from './machine-time.ts';
import { Pacer } from './pacer.ts';
import { ANSWER_TOKENS, type Behaviour, behaviourOf, textOf, words } from './workload.ts';

/**
 * Told to the parent of a request for this model: `received` when it has come, if it will not be answered; `closed` when
 * the client has closed its connection before the answer was over.
 */
export interface Notice {
  readonly what: 'received' | 'closed';
  readonly model: string;
  /** By `machineMs`. */
  readonly atMs: number;
}

const notify = (what: Notice['what'], model: string) =>
  process.send?.({ what, model, atMs: machineMs() } satisfies Notice);

const HEAD = 'HTTP/1.1 200 OK\r\nx-request-id: req_bench\r\n';
const STREAM_HEAD = `${HEAD}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n`;

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

const event = (choices: unknown[], more: object = {}) =>
  chunk(
    `data: ${JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'bench-model',
      service_tier: 'default',
      system_fingerprint: 'fp_bench',
      choices,
      ...more,
    })}\n\n`,
  );

const usage = (tokens: number) => ({ prompt_tokens: 70, completion_tokens: tokens, total_tokens: 70 + tokens });

const choice = (delta: object, finishReason: string | null = null) => ({
  index: 0,
  delta,
  logprobs: null,
  finish_reason: finishReason,
});

const FIRST = event([choice({ role: 'assistant', content: '', refusal: null })]);
const TOKENS = words.map((content) => Buffer.from(event([choice({ content })])));
const LAST = (tokens: number) =>
  `${event([choice({}, 'stop')])}${event([], { usage: usage(tokens) })}${chunk('data: [DONE]\n\n')}0\r\n\r\n`;

const BODY = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench-model',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: textOf(ANSWER_TOKENS), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: usage(ANSWER_TOKENS),
  service_tier: 'default',
  system_fingerprint: 'fp_bench',
});
const ANSWER = Buffer.from(
  `${HEAD}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(BODY)}\r\n\r\n${BODY}`,
);

const pacer = new Pacer();

class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** The model of the request being answered. */
  #model: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.#closed());
    socket.on('error', () => this.#closed());
    socket.on('close', () => this.#closed());
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const bodyAt = headEnd + 4;
    if (this.#received.length < bodyAt + length) return;
    const body = JSON.parse(this.#received.toString('utf8', bodyAt, bodyAt + length));
    this.#received = this.#received.subarray(bodyAt + length);
    this.#model = String(body.model);
    this.#answer(behaviourOf(this.#model), this.#model);
  }

  #answer(behaviour: Behaviour, model: string): void {
    if (behaviour.kind === 'hang') return void notify('received', model);
    if (behaviour.kind === 'answer') {
      this.#model = undefined;
      this.#socket.write(ANSWER);
      return;
    }
    this.#socket.write(STREAM_HEAD + FIRST);
    if (behaviour.tokensPerSecond === 0) this.#rush(behaviour.tokens, 0);
    else this.#pace(behaviour.tokens, behaviour.tokensPerSecond);
  }

  #rush(tokens: number, from: number): void {
    for (let i = from; i < tokens; i++) {
      if (this.#socket.destroyed) return;
      if (this.#token(i)) continue;
      this.#socket.once('drain', () => this.#rush(tokens, i + 1));
      return;
    }
    this.#finish(tokens);
  }

  /** A client that does not read delays its own stream, as with any provider. */
  #pace(tokens: number, tokensPerSecond: number): void {
    let sent = 0;
    pacer.add(tokensPerSecond, () => {
      if (this.#socket.destroyed) return false;
      if (this.#socket.writableNeedDrain) return true;
      this.#token(sent++);
      if (sent < tokens) return true;
      this.#finish(tokens);
      return false;
    });
  }

  #token(i: number): boolean {
    return this.#socket.write(TOKENS[i % TOKENS.length] as Buffer);
  }

  #finish(tokens: number): void {
    this.#model = undefined;
    this.#socket.write(LAST(tokens));
  }

  #closed(): void {
    if (this.#model !== undefined) notify('closed', this.#model);
    this.#model = undefined;
    this.#socket.destroy();
  }
}

listening(createServer((socket) => void new Connection(socket)));
