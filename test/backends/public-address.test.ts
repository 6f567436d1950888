import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/backends/http/public-address.ts';

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '168.63.129.17',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.0.3.0',
  '192.88.98.255',
  '192.88.100.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '198.51.99.255',
  '198.51.101.0',
  '203.0.112.255',
  '203.0.114.0',
  '223.255.255.255',
  '2000::',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2003::1',
  '2606:4700:4700::1111',
  '2606:4700:4700::1111:5efe',
  '2a00:1450:4001:82f::200e',
  '3ffe::1',
  '3fff:1000::1',
  '3ffF:fFff::1',
  // A public IPv4 address, as a network without IPv4 sees it.
  '64:ff9b::8.8.8.8',
  '64:ff9b::808:808',
];

const HOSTILE = [
  // Unspecified and this network
  '0.0.0.0',
  '0.0.0.1',
  '0.255.255.255',
  '::',
  '0:0:0:0:0:0:0:0',
  // Loopback
  '127.0.0.1',
  '127.0.0.0',
  '127.1.2.3',
  '127.255.255.255',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::0001',
  // Private
  '10.0.0.0',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.0',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.0',
  '192.168.1.1',
  '192.168.255.255',
  // Link-local, with the metadata of AWS, Google, Azure, Oracle, DigitalOcean, AWS ECS
  '169.254.0.0',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.255.255',
  'fe80::1',
  'fe80::a9fe:a9fe',
  'febf:ffff::1',
  'fe80::1%eth0',
  // Metadata elsewhere: Alibaba, Azure's own, Oracle's older, AWS and Google by IPv6
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
  // Shared by carriers
  '100.64.0.0',
  '100.64.0.1',
  '100.127.255.255',
  // Protocol assignments, documentation, relays, benchmarks
  '192.0.0.0',
  '192.0.0.8',
  '192.0.0.170',
  '192.0.0.255',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.255',
  '2001:db8::1',
  '2001:db8:ffff::1',
  '3fff::1',
  '3fff:fff:ffff::1',
  // Multicast, reserved and broadcast
  '224.0.0.0',
  '224.0.0.251',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.254',
  '255.255.255.255',
  'ff00::',
  'ff02::1',
  'ff0e::1',
  // Unique local and site-local
  'fc00::1',
  'fd00::1',
  'fdff:ffff::1',
  'fec0::1',
  // IPv4 inside IPv6: mapped, compatible, translated
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::FFFF:10.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::ffff:8.8.8.8',
  '0:0:0:0:0:ffff:127.0.0.1',
  '::ffff:0:127.0.0.1',
  '::127.0.0.1',
  '::7f00:1',
  '::a9fe:a9fe',
  // NAT64
  '64:ff9b::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::169.254.169.254',
  '64:ff9b::10.0.0.1',
  '64:ff9b::6440:1',
  '64:ff9b::192.168.0.1',
  '64:ff9b:0:0:0:1:808:808',
  '64:ff9b:1::1',
  '64:ff9b:1::169.254.169.254',
  // 6to4, Teredo, ISATAP
  '2002:7f00:1::1',
  '2002:a00:1::',
  '2002:a9fe:a9fe::',
  '2002:808:808::',
  '2001::1',
  '2001:0:7f00:1::',
  '2001:0:53aa:64c:0:7eff:80ff:fffe',
  '2001:10::1',
  '2001:1ff:ffff::1',
  '2606:4700::5efe:127.0.0.1',
  '2606:4700::200:5efe:10.0.0.1',
  // The rest of IPv6 is not in use
  '100::1',
  '200::1',
  '1fff:ffff::1',
  '4000::1',
  '5f00::1',
  '9000::1',
  // No addresses
  '',
  'localhost',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '8.8.8.8.8',
  '8.8.8',
  '8.8.8.8/8',
  ' 8.8.8.8',
  '[2606:4700:4700::1111]',
  '2606:4700:4700::1111%1',
  '2606:4700:4700:::1111',
];

describe('a public address', () => {
  it.each(PUBLIC)('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each(HOSTILE)('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('is told from more than a hundred others', () => {
    expect(new Set(HOSTILE).size).toBe(HOSTILE.length);
    expect(HOSTILE.length).toBeGreaterThan(100);
  });

  const words = (count: number, max: number) => fc.array(fc.nat({ max }), { minLength: count, maxLength: count });
  /** A number near the edges of blocks more often than chance would have it. */
  const edged = (...edges: number[]) =>
    fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...edges.flatMap((edge) => [Math.max(edge - 1, 0), edge])));
  const v4 = fc.oneof(
    words(4, 255),
    fc.tuple(
      edged(10, 100, 127, 128, 168, 169, 172, 192, 198, 203, 224, 240),
      edged(0, 16, 18, 20, 31, 32, 51, 63, 64, 88, 128, 168, 254, 255),
      edged(0, 2, 99, 100, 113, 129),
      edged(16, 255),
    ),
  );
  const text4 = v4.map((bytes) => bytes.join('.'));

  it('is the same by a list of blocks, in IPv4', () => {
    fc.assert(
      fc.property(text4, (address) => {
        expect(isPublicAddress(address)).toBe(!notPublic.check(address));
      }),
      { numRuns: 5_000 },
    );
  });

  const head = fc.constantFrom(0, 0x64, 0x2000, 0x2001, 0x2002, 0x2606, 0x3fff, 0x4000, 0xfc00, 0xfe80, 0xff02);
  const word = fc.oneof(fc.nat({ max: 0xffff }), fc.constantFrom(0, 1, 0xdb8, 0xff9b, 0x1ff, 0x200, 0xfff, 0x1000));
  const text6 = fc
    .tuple(fc.oneof(head, fc.nat({ max: 0xffff })), word, word, word, words(4, 0xffff))
    .map(([a, b, c, d, rest]) => [a, b, c, d, ...rest].map((part) => part.toString(16)).join(':'));

  it('is the same by a list of blocks, in IPv6', () => {
    fc.assert(
      fc.property(text6, (address) => {
        const inside = publicV6.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6');
        expect(isPublicAddress(address)).toBe(inside);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is in the clothes of NAT64 what it is without', () => {
    fc.assert(
      fc.property(text4, (address) => {
        expect(isPublicAddress(`64:ff9b::${address}`)).toBe(isPublicAddress(address));
        expect(isPublicAddress(`::ffff:${address}`)).toBe(false);
        expect(isPublicAddress(`::${address}`)).toBe(false);
      }),
    );
  });

  it('is the same however it is written', () => {
    fc.assert(
      fc.property(text6, (address) => {
        const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
        expect(isPublicAddress(short)).toBe(isPublicAddress(address));
        expect(isPublicAddress(short.toUpperCase())).toBe(isPublicAddress(address));
      }),
    );
  });
});

const listOf = (type: 'ipv4' | 'ipv6', ...subnets: readonly (readonly [string, number])[]): BlockList => {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, type);
  return list;
};

/** Ranges where the source has blocks, where that is another way to say the same. */
const notPublic = listOf(
  'ipv4',
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
);
for (const [first, last] of [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['224.0.0.0', '255.255.255.255'],
] as const) {
  notPublic.addRange(first, last, 'ipv4');
}
notPublic.addAddress('168.63.129.16', 'ipv4');

const publicV6 = listOf('ipv6', ['2000::', 3]);
const notPublicV6 = listOf('ipv6', ['2001:db8::', 32], ['2002::', 16]);
notPublicV6.addRange('2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', 'ipv6');
notPublicV6.addRange('3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'ipv6');
