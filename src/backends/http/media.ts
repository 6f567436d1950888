import type { CompleteRequest, Media } from '#gen/antiphon/v1/completion_pb.js';
import { linkedAbort } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { type ErrorKind, GatewayError } from '../../core/errors.ts';
import { type Budget, type Fetched, fetchFile } from './media-fetch.ts';
import { dnsResolver, type Resolve } from './media-hosts.ts';
import { type FileContent, type LinkedMedia, linkedMedia, withFiles } from './media-parts.ts';
import type { MediaRoom } from './media-room.ts';
import { mediaTypeOf } from './media-type.ts';
import { isPublicAddress } from './public-address.ts';

export interface MediaOptions {
  /** False: nothing is ever fetched. */
  readonly fetch: boolean;
  /** For all files of a request together. */
  readonly maxBytes: number;
  /** How many different URLs a request may name. */
  readonly maxItems: number;
  /** For each file, from the name of its server to its last byte. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** What all calls hold together. */
  readonly room: MediaRoom;
  /** Which URLs are fetched; others stay as they are. Default: all. */
  readonly wanted?: (url: string) => boolean;
  /** Default: asks the system's name servers. */
  readonly resolve?: Resolve;
  /** Which addresses may be asked. Default: those of the public internet. */
  readonly isPublic?: (address: string) => boolean;
  /** The only port that may be asked. Default: 443. */
  readonly port?: number;
}

/** A request with its files. */
export interface Inlined {
  readonly request: CompleteRequest;
  /** To be called once, when the call is over: until then its files have room of their own. */
  release(): void;
}

/** So many files of a request are fetched at once. */
const AT_ONCE = 4;

/**
 * Puts the bytes of pictures and documents in the place of their URLs. A request without any is given back as it is;
 * none is changed. A URL that is named twice is fetched once.
 *
 * Errors of the caller: `invalid_request` with the field's path, and the same words whatever kept the file from being
 * fetched, so that nobody can find out by them what is behind an address; `request_too_large`. `overloaded`: other calls
 * hold so many files that there is no room. Aborts: all connections are closed, and it rejects with the signal's reason.
 */
export function mediaFetcher(options: MediaOptions) {
  return async (request: CompleteRequest, signal: AbortSignal): Promise<Inlined> => {
    const linked = linkedMedia(request).filter(({ url }) => options.wanted?.(url) ?? true);
    if (linked.length === 0) return { request, release: () => undefined };
    if (!options.fetch) throw switchedOff(linked);
    const byUrl = Map.groupBy(linked, ({ url }) => url);
    if (byUrl.size > options.maxItems) throw tooMany(options.maxItems);
    const files = new Map<Media, FileContent>();
    const budget = budgetOf(options);
    try {
      await fetchAll([...byUrl.values()], options, budget, signal, (media, file) => files.set(media, file));
      return { request: withFiles(request, files), release: budget.release };
    } catch (error) {
      budget.release();
      throw error;
    }
  };
}

type Keep = (media: Media, file: FileContent) => void;

/** The first file that cannot be had ends it for the others. */
async function fetchAll(
  groups: readonly (readonly LinkedMedia[])[],
  options: MediaOptions,
  budget: Budget,
  signal: AbortSignal,
  keep: Keep,
): Promise<void> {
  const abort = linkedAbort(signal);
  const waiting = groups.values();
  const work = async () => {
    for (const group of waiting) await fetchGroup(group, options, budget, abort.signal, keep);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } catch (error) {
    abort.abort(error);
    throw error;
  } finally {
    abort.release();
  }
}

/** The parts that name the same URL. */
async function fetchGroup(
  group: readonly LinkedMedia[],
  options: MediaOptions,
  budget: Budget,
  signal: AbortSignal,
  keep: Keep,
): Promise<void> {
  const [first] = group;
  if (!first) return;
  const fetched = await fetchOne(first, options, budget, signal);
  for (const { path, kind, media } of group) {
    const mediaType = mediaTypeOf(fetched, kind, media.mediaType);
    if (mediaType === undefined) throw refused('invalid_request', `${path}.url`, WANTED[kind]);
    keep(media, { bytes: fetched.bytes, mediaType });
  }
}

async function fetchOne(
  { path, url }: LinkedMedia,
  { resolve = dnsResolver(), isPublic = isPublicAddress, port = 443, clock, timeoutMs, maxBytes }: MediaOptions,
  budget: Budget,
  signal: AbortSignal,
): Promise<Fetched> {
  try {
    return await fetchFile(url, { resolve, isPublic, port, clock, timeoutMs }, budget, signal);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (thrown instanceof TooLarge) throw refused('request_too_large', `${path}.url`, tooLarge(maxBytes));
    if (thrown instanceof NoRoom) throw noRoom();
    const cause = thrown instanceof GatewayError ? (thrown.facts.cause ?? thrown) : thrown;
    throw refused('invalid_request', `${path}.url`, NOT_FETCHED, cause);
  }
}

class TooLarge extends Error {}

class NoRoom extends Error {}

function budgetOf({ maxBytes, room }: MediaOptions) {
  let taken = 0;
  const check = (bytes: number) => {
    if (taken + bytes > maxBytes) throw new TooLarge();
  };
  return {
    check,
    take(bytes: number) {
      check(bytes);
      if (!room.take(bytes)) throw new NoRoom();
      taken += bytes;
    },
    release: () => room.free(taken),
  };
}

const noRoom = () =>
  new GatewayError('overloaded', 'The gateway holds as many files for calls as it may. Try again in a while.', {
    retryAfterMs: 1_000,
  });

const NOT_FETCHED =
  'could not be fetched: it must be on port 443 of a public server that answers in time with status 200, without redirect or compression; or send data';

const WANTED = {
  image: 'must give a PNG, JPEG, GIF or WebP picture',
  document: 'must give a PDF or a text in UTF-8',
} as const;

const tooLarge = (maxBytes: number) =>
  `must not give more than ${maxBytes} bytes, together with the other files of the request`;

function refused(kind: ErrorKind, field: string, description: string, cause?: unknown): GatewayError {
  const violations = [{ field, description }];
  return new GatewayError(kind, `The request is not valid: ${field} ${description}.`, { violations, cause });
}

const SWITCHED_OFF = 'is not fetched by this gateway, and the model takes only bytes: send data instead';

function switchedOff(linked: readonly LinkedMedia[]): GatewayError {
  const violations = linked.map(({ path }) => ({ field: `${path}.url`, description: SWITCHED_OFF })).slice(0, 50);
  const message = `The request is not valid: ${violations[0]?.field} ${SWITCHED_OFF}.`;
  return new GatewayError('invalid_request', message, { violations });
}

const tooMany = (maxItems: number) =>
  refused(
    'invalid_request',
    'messages',
    `must not name more than ${maxItems} different URLs, since the model takes only bytes: send data`,
  );
