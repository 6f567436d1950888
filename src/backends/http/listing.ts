import { create } from '@bufbuild/protobuf';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../../core/clock.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ListedModel } from '../../core/listed-model.ts';
import type { Listing, Provider } from '../../providers/provider.ts';
import { parseJson } from '../../wire/json.ts';
import type { Connections } from './connections.ts';
import { exchange, isCompressed, type Receiver } from './exchange.ts';

/** Where a listing is read. */
export interface ListingPlace {
  readonly provider: Provider;
  readonly connections: Pick<Connections, 'dispatch' | 'dispatchFresh'>;
  /** Undefined: the request is not signed. */
  readonly key: string | undefined;
  readonly clock: Pick<Clock, 'after'>;
}

const MAX_PAGES = 20;
/** Of all pages together. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Of an answer that is only to tell that there is one. */
const MAX_ASKED_BYTES = 64 * 1024;

/** The request is for no call. */
const NO_CALL = { callId: '', traceId: '', sessionId: '', sourceAgent: '' };

/**
 * Reads a provider's own list of models, page by page; a provider without one has no models. At most 20 pages and
 * 16 MiB.
 *
 * Errors: those of the connection and of the provider; `upstream_too_large`, rather than half a list;
 * `upstream_bad_response`. Aborts: the connection is closed at once, and it rejects with the signal's reason.
 */
export async function readListing(place: ListingPlace, signal: AbortSignal): Promise<readonly ListedModel[]> {
  const { listing } = place.provider;
  return listing ? readPages(place, listing, signal) : [];
}

async function readPages(place: ListingPlace, listing: Listing, signal: AbortSignal): Promise<readonly ListedModel[]> {
  let models: readonly ListedModel[] = [];
  let path: string | undefined = listing.path;
  let bytes = 0;
  for (let pages = 0; path !== undefined; pages++) {
    if (pages === MAX_PAGES) throw tooLarge();
    const body = await readPage(place, path, new Page(MAX_BYTES - bytes), signal);
    bytes += body.length;
    const page = listing.read(parseJson(body.toString()));
    // Not as arguments of a push: a page may have more than a call can take.
    models = models.concat(page.models);
    path = page.next;
  }
  return models;
}

/**
 * Asks for the first page of the list and lets go of it: that the provider answers is all that is wanted. No more than
 * 64 KiB are taken. It goes over a connection of its own, since calls may have all the others. A provider without a list
 * is not asked.
 *
 * Errors and aborts: as `readListing`.
 */
export async function askListing(place: ListingPlace, signal: AbortSignal): Promise<void> {
  const { listing } = place.provider;
  const { dispatchFresh } = place.connections;
  const fresh = { ...place, connections: { dispatch: dispatchFresh, dispatchFresh } };
  if (listing) await readPage(fresh, listing.path, new Page(MAX_ASKED_BYTES, 'stop'), signal);
}

async function readPage(
  { provider, connections, key, clock }: ListingPlace,
  path: string,
  page: Page,
  signal: AbortSignal,
): Promise<Buffer> {
  const headers = {
    ...provider.headers(NO_CALL, key),
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'antiphon',
  };
  const request = { method: 'GET', path: provider.baseUrl.pathname.replace(/\/$/, '') + path, headers } as const;
  await exchange(connections, request, signal, page, clock);
  if (page.status < 200 || page.status > 299) throw failure(provider, page);
  return page.body();
}

/** What a failed answer means is the business of the provider's dialects, whichever of them. */
function failure(provider: Provider, { status, headers, body }: Page): GatewayError {
  return provider.dialect(create(CompleteRequestSchema), '').failure({ status, headers, body: body().toString() });
}

class Page implements Receiver {
  readonly #maxBytes: number;
  readonly #whenFull: 'refuse' | 'stop';
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  status = 0;
  headers: Readonly<Record<string, string>> = {};

  constructor(maxBytes: number, whenFull: 'refuse' | 'stop' = 'refuse') {
    this.#maxBytes = maxBytes;
    this.#whenFull = whenFull;
  }

  get done(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  connected(): void {}

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.status = status;
    this.headers = headers;
    if (isCompressed(headers)) throw compressed();
  }

  data(bytes: Uint8Array): boolean {
    this.#bytes += bytes.length;
    if (this.done && this.#whenFull === 'refuse') throw tooLarge();
    this.#chunks.push(bytes);
    return true;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  readonly body = (): Buffer => Buffer.concat(this.#chunks);
}

const tooLarge = () =>
  new GatewayError('upstream_too_large', "The provider's list of models is larger than the gateway reads.");

const compressed = () =>
  new GatewayError('upstream_bad_response', 'The provider sent a compressed list, which it was asked not to.');
