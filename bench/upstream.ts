// A process of its own: a provider that speaks OpenAI chat completions and costs as little as it can, so that what is
// measured is the gateway. It writes HTTP/1.1 by hand, and each token as a chunk and a write of its own.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { listening } from './listening.ts';
import { machineMs } from './machine-time.ts';
import { Pacer } from './pacer.ts';
import { ANSWER, FAILURE, LISTING, STREAM_BEGIN, streamEnd, token } from './upstream-answers.ts';
import { type Behaviour, behaviourOf } from './workload.ts';

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

/**
 * How it does. `failing`: every request gets a 503. `slow`: nothing is sent for ten seconds. `gone`: all connections are
 * broken, and none is accepted any more.
 */
export type Condition = 'working' | 'failing' | 'slow' | 'gone';

/** Said by the parent: from now on it does so. */
export interface Order {
  readonly condition: Condition;
}

/** The answer to an order, when it is done. */
export interface Obeyed {
  readonly what: 'obeyed';
  /** Requests for completions that have come so far. */
  readonly requests: number;
}

const SLOW_MS = 10_000;

const notify = (what: Notice['what'], model: string) =>
  process.send?.({ what, model, atMs: machineMs() } satisfies Notice);

const pacer = new Pacer();
const connections = new Set<Connection>();
let condition: Condition = 'working';
let requests = 0;

class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** The model of the request being answered. */
  #model: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    connections.add(this);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.close());
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  close(): void {
    if (this.#model !== undefined) notify('closed', this.#model);
    this.#model = undefined;
    clearTimeout(this.#timer);
    connections.delete(this);
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const bodyAt = headEnd + 4;
    if (this.#received.length < bodyAt + length) return;
    const body = this.#received.toString('utf8', bodyAt, bodyAt + length);
    this.#received = this.#received.subarray(bodyAt + length);
    if (head.startsWith('GET ')) this.#reply(0, () => this.#socket.write(LISTING));
    else this.#request(JSON.parse(body));
  }

  #request({ model, stream }: { readonly model: string; readonly stream?: boolean }): void {
    requests++;
    const behaviour = behaviourOf(model);
    this.#model = model;
    if (behaviour.kind === 'hang') notify('received', model);
    else this.#reply(behaviour.afterMs, () => this.#answer(behaviour, stream === true));
  }

  /** `answer` is what it does while it works. */
  #reply(afterMs: number, answer: () => void): void {
    const delayMs = condition === 'slow' ? SLOW_MS : afterMs;
    if (condition === 'failing') this.#fail();
    else if (delayMs === 0) answer();
    else this.#timer = setTimeout(answer, delayMs);
  }

  #fail(): void {
    this.#model = undefined;
    this.#socket.write(FAILURE);
  }

  #answer(behaviour: Behaviour, stream: boolean): void {
    if (behaviour.kind !== 'stream' || !stream) {
      this.#model = undefined;
      this.#socket.write(ANSWER);
      return;
    }
    this.#socket.write(STREAM_BEGIN);
    if (behaviour.tokensPerSecond === 0) this.#rush(behaviour.tokens, 0);
    else this.#pace(behaviour.tokens, behaviour.tokensPerSecond);
  }

  #rush(tokens: number, from: number): void {
    for (let i = from; i < tokens; i++) {
      if (this.#socket.destroyed) return;
      if (this.#socket.write(token(i))) continue;
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
      this.#socket.write(token(sent++));
      if (sent < tokens) return true;
      this.#finish(tokens);
      return false;
    });
  }

  #finish(tokens: number): void {
    this.#model = undefined;
    this.#socket.write(streamEnd(tokens));
  }
}

const server = createServer((socket) => void new Connection(socket));
let port = 0;
server.once('listening', () => {
  port = (server.address() as AddressInfo).port;
});
listening(server);

process.on('message', async (order: Order) => {
  const wasGone = condition === 'gone';
  condition = order.condition;
  if (condition === 'gone') await goAway();
  else if (wasGone) await comeBack();
  process.send?.({ what: 'obeyed', requests } satisfies Obeyed);
});

function goAway(): Promise<void> {
  const gone = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of connections) connection.close();
  return gone;
}

const comeBack = () =>
  new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port, backlog: 2048 }, resolve));
