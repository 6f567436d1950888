import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkedAddresses, dnsResolver, fixedLookup } from '../../src/backends/http/media-hosts.ts';

const A = 1;
const AAAA = 28;

type Zone = Readonly<Record<number, readonly (readonly number[])[]>>;

interface NameServer {
  /** "address:port" */
  readonly at: string;
  /** The names and types that were asked for, such as "a.example 1". */
  readonly questions: readonly string[];
}

/** A name server that gives these addresses for any name; undefined: it says nothing. */
async function nameServer(zone: Zone | undefined): Promise<NameServer> {
  const questions: string[] = [];
  const socket: Socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12);
    const labels: string[] = [];
    for (let at = 12; at < end; at += (query[at] ?? 0) + 1)
      labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
    const type = query.readUInt16BE(end + 1);
    questions.push(`${labels.join('.').toLowerCase()} ${type}`);
    if (!zone) return;
    const records = (zone[type] ?? []).map((bytes) =>
      // The name of the question, its type, the class IN, a minute, and the address.
      Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes]),
    );
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0]);
    socket.send(Buffer.concat([head, query.subarray(12, end + 5), ...records]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { at: `127.0.0.1:${socket.address().port}`, questions };
}

const listening = () => new AbortController().signal;

describe('the resolver', () => {
  it('gives all addresses of a name, those of IPv4 first', async () => {
    const v6 = [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const { at, questions } = await nameServer({
      [A]: [
        [1, 2, 3, 4],
        [127, 0, 0, 1],
      ],
      [AAAA]: [v6],
    });
    const addresses = await dnsResolver([at])('files.example', listening());
    expect(addresses.slice(0, 2).sort()).toEqual(['1.2.3.4', '127.0.0.1']);
    expect(addresses.slice(2)).toEqual(['2606:4700::1']);
    expect([...questions].sort()).toEqual(['files.example 1', 'files.example 28']);
  });

  it('gives none for a name without any, and asks for that name alone', async () => {
    const { at, questions } = await nameServer({});
    expect(await dnsResolver([at])('metadata', listening())).toEqual([]);
    expect([...new Set(questions)].sort()).toEqual(['metadata 1', 'metadata 28']);
  });

  it('does with one kind of address where there is no other', async () => {
    const { at } = await nameServer({ [A]: [[8, 8, 8, 8]] });
    expect(await dnsResolver([at])('files.example', listening())).toEqual(['8.8.8.8']);
  });

  it('gives up when the signal aborts', async () => {
    const { at } = await nameServer(undefined);
    const abort = new AbortController();
    const asking = dnsResolver([at])('files.example', abort.signal);
    abort.abort('the caller left');
    await expect(asking).rejects.toBe('the caller left');
    await expect(dnsResolver([at])('files.example', AbortSignal.abort('early'))).rejects.toBe('early');
  });
});

describe('the addresses of a host', () => {
  const isPublic = (address: string) => !address.startsWith('10.');
  const check = (url: string, found: readonly string[] = []) =>
    checkedAddresses(new URL(url), async () => found, isPublic, listening());

  it('are its own, where it is one', async () => {
    expect(await check('https://8.8.8.8/')).toEqual(['8.8.8.8']);
    expect(await check('https://0x8.8.2056/')).toEqual(['8.8.8.8']);
    expect(await check('https://[2606:4700:0::1]/')).toEqual(['2606:4700::1']);
    await expect(check('https://10.0.0.1/')).rejects.toThrow();
    await expect(check('https://167772161/')).rejects.toThrow();
  });

  it('are all of a name’s, or none', async () => {
    expect(await check('https://a.example/', ['1.1.1.1', '::2'])).toEqual(['1.1.1.1', '::2']);
    await expect(check('https://a.example/', [])).rejects.toThrow();
    await expect(check('https://a.example/', ['1.1.1.1', '10.0.0.1'])).rejects.toThrow();
  });
});

describe('the fixed lookup', () => {
  it('gives the same addresses whatever it is asked', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1 }), (name, addresses) => {
        const lookup = fixedLookup(addresses);
        const told: unknown[] = [];
        lookup(name, { all: true }, (error, found) => told.push(error, found));
        lookup(name, {}, (error, address, family) => told.push(error, { address, family }));
        const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        expect(told).toEqual([null, all, null, all[0]]);
      }),
    );
  });
});
