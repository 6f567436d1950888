import { isIPv4, isIPv6 } from 'node:net';

/** A block of addresses: those whose first bits are the same as its own. */
interface Block {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/**
 * IPv4 addresses that are not the public internet's, and why.
 *
 * Source: the IANA IPv4 Special-Purpose Address Registry,
 * https://www.iana.org/assignments/iana-ipv4-special-registry (2026-11-21).
 */
const NOT_PUBLIC_V4 = blocks([
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carriers (CGNAT); some clouds keep their metadata there
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure's own services, which answer its virtual machines only
  '169.254.0.0/16', // link-local, and the metadata of most clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // relays of 6to4, which is no longer in use
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
]);

/**
 * Of IPv6, only global unicast is public. Loopback, link-local, unique local, multicast and the IPv4-mapped addresses
 * are all outside it.
 *
 * Source: the IANA IPv6 Special-Purpose Address Registry,
 * https://www.iana.org/assignments/iana-ipv6-special-registry (2026-11-21).
 */
const GLOBAL_UNICAST = block('2000::/3');

const NOT_PUBLIC_V6 = blocks([
  '2001::/23', // protocol assignments; among them Teredo, which carries an IPv4 address
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which carries an IPv4 address
  '3fff::/20', // documentation
]);

/** What a network without IPv4 makes of an IPv4 address (RFC 6052): the last four bytes are that address. */
const NAT64 = block('64:ff9b::/96');

/** The last eight bytes of an address that carries an IPv4 address (ISATAP, RFC 5214) begin like this, bar one bit. */
const ISATAP = [0x00, 0x00, 0x5e, 0xfe];

/**
 * Whether an IP address is the public internet's: not loopback, private, link-local, shared, multicast or reserved, nor
 * such an address in the clothes of IPv6. False for anything that is no address, and for one with a zone.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return isPublicV4(bytesOfV4(address));
  return isIPv6(address) && !address.includes('%') && isPublicV6(bytesOfV6(address));
}

const isPublicV4 = (bytes: readonly number[]): boolean => !NOT_PUBLIC_V4.some((each) => isIn(bytes, each));

function isPublicV6(bytes: readonly number[]): boolean {
  if (isIn(bytes, NAT64)) return isPublicV4(bytes.slice(12));
  if (!isIn(bytes, GLOBAL_UNICAST) || NOT_PUBLIC_V6.some((each) => isIn(bytes, each))) return false;
  const [first = 0, ...rest] = bytes.slice(8, 12);
  return [first & ~0x02, ...rest].some((byte, i) => byte !== ISATAP[i]);
}

const isIn = (address: readonly number[], { bytes, bits }: Block): boolean =>
  address.every((byte, i) => {
    const shared = Math.min(Math.max(bits - 8 * i, 0), 8);
    return (byte ^ (bytes[i] ?? 0)) >> (8 - shared) === 0;
  });

function block(text: string): Block {
  const [address = '', bits] = text.split('/');
  return { bytes: isIPv4(address) ? bytesOfV4(address) : bytesOfV6(address), bits: Number(bits) };
}

function blocks(texts: readonly string[]): readonly Block[] {
  return texts.map(block);
}

function bytesOfV4(address: string): number[] {
  return address.split('.').map(Number);
}

/** The parser of URLs writes every form of an address in hexadecimal groups, with at most one `::`. */
function bytesOfV6(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const gap = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
