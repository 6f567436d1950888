import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

/** The IP addresses of a name; none if it has none. Rejects when the signal aborts. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Times in milliseconds. A name server that does not answer is asked once more. */
const ASKING = { timeout: 2_000, tries: 2 };

/**
 * Asks the name servers, and nothing else: neither the machine's own table of hosts nor its search domains, which have
 * names that are not public. It takes no thread of the pool that other lookups need, so that slow names hold up nobody.
 *
 * `servers` instead of the system's, as "address:port".
 */
export const dnsResolver =
  (servers?: readonly string[]): Resolve =>
  async (host, signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver(ASKING);
    if (servers) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      // Most networks have IPv4, so it comes first.
      const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      signal.throwIfAborted();
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };

/** What a host may not be: one with an address that is not public, or without any. */
export class HostRefused extends Error {
  override readonly name = 'HostRefused';
}

/**
 * The addresses of a URL's host, each of them looked at. The parser of URLs has already made an address of whatever can
 * be read as one: decimal, octal, hexadecimal, in two or three parts.
 *
 * Errors: HostRefused.
 */
export async function checkedAddresses(
  { hostname }: URL,
  resolve: Resolve,
  isPublic: (address: string) => boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(host) ? [host] : await resolve(host, signal);
  // One address that is not public is enough: nobody who means well mixes them.
  if (addresses.length === 0 || !addresses.every(isPublic)) throw new HostRefused();
  return addresses;
}

/** Gives these addresses whatever the name: what was looked at is what is used, even if the name changes meanwhile. */
export const fixedLookup =
  (addresses: readonly string[]): LookupFunction =>
  (_, { all }, done) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = found;
    if (all || !first) done(null, found);
    else done(null, first.address, first.family);
  };
