import { linkedAbort } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { connections } from './connections.ts';
import { exchange, isCompressed, type Receiver } from './exchange.ts';
import { checkedAddresses, fixedLookup, type Resolve } from './media-hosts.ts';

/** How files are fetched, and from where. */
export interface FetchRules {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly resolve: Resolve;
  readonly isPublic: (address: string) => boolean;
  /** The only port that is asked. */
  readonly port: number;
}

/** What a URL gave. */
export interface Fetched {
  readonly bytes: Uint8Array;
  /** As the server says it; empty: it says nothing. */
  readonly contentType: string;
}

/** How many bytes may still be read. Shared by all files of a request. */
export interface Budget {
  /** Errors: it is used up. */
  take(bytes: number): void;
  /** Errors: this would use it up. */
  check(bytes: number): void;
}

/** A file that was not fetched. Only the log may tell why: it could say what is behind an address. */
class NotFetched extends Error {
  override readonly name = 'NotFetched';
  readonly code: string;

  constructor(code: string) {
    super();
    this.code = code;
  }
}

/**
 * Fetches one file from a public server, over HTTPS. It follows no redirects and takes nothing that is compressed. The
 * connection is made to an address that has been looked at, and to no other; the certificate must have the host's name.
 * The server is told nothing of the call.
 *
 * Errors: the budget's; anything else that went wrong, with a message that must not be shown. When `signal` aborts, the
 * connection is closed at once.
 */
export async function fetchFile(
  text: string,
  rules: FetchRules,
  budget: Budget,
  signal: AbortSignal,
): Promise<Fetched> {
  const url = allowedUrl(text, rules.port);
  const abort = linkedAbort(signal);
  const timer = rules.clock.after(rules.timeoutMs, () => abort.abort(new NotFetched('TIMEOUT')));
  try {
    const addresses = await checkedAddresses(url, rules.resolve, rules.isPublic, abort.signal);
    return await download(url, addresses, rules, budget, abort.signal);
  } finally {
    timer.cancel();
    abort.release();
  }
}

function allowedUrl(text: string, port: number): URL {
  const url = URL.parse(text);
  const isAllowed =
    url?.protocol === 'https:' && url.username + url.password === '' && Number(url.port || '443') === port;
  if (!isAllowed) throw new NotFetched('URL');
  return url;
}

async function download(
  url: URL,
  addresses: readonly string[],
  { timeoutMs, clock }: FetchRules,
  budget: Budget,
  signal: AbortSignal,
): Promise<Fetched> {
  const sockets = { lookup: fixedLookup(addresses), signal };
  const via = connections(url.origin, { maxConnections: 1, connectMs: timeoutMs, sockets });
  const file = new FileReceiver(budget);
  const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'antiphon' };
  try {
    await exchange(via, { method: 'GET', path: url.pathname + url.search, headers }, signal, file, clock);
    return file.whole();
  } finally {
    // Not waited for: a connection that is only being made is closed when it has come about.
    void via.close();
  }
}

class FileReceiver implements Receiver {
  readonly done = false;
  readonly #budget: Budget;
  readonly #chunks: Uint8Array[] = [];
  #contentType = '';

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  connected(): void {}

  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (status !== 200) throw new NotFetched(`STATUS_${status}`);
    if (isCompressed(headers)) throw new NotFetched('COMPRESSED');
    this.#budget.check(Number(headers['content-length'] ?? 0));
    this.#contentType = headers['content-type'] ?? '';
  }

  data(bytes: Uint8Array): boolean {
    this.#budget.take(bytes.length);
    this.#chunks.push(bytes);
    return true;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  whole(): Fetched {
    return { bytes: Buffer.concat(this.#chunks), contentType: this.#contentType };
  }
}
