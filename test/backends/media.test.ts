import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { clone } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type CompleteRequest, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { type MediaOptions, mediaFetcher } from '../../src/backends/http/media.ts';
import { mediaRoom } from '../../src/backends/http/media-room.ts';
import { systemClock } from '../../src/core/clock.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { assistant, type PartInit, requestOf, text, toolCall, user } from '../support/requests.ts';
import { until } from '../support/scene.ts';
import { type Line, type Script, startUpstream, type Upstream } from '../support/upstream.ts';

const file = (name: string) => readFileSync(join(import.meta.dirname, '../faults/tls', name), 'utf8');
/** For the name elsewhere.example only. */
const identity = { key: file('key.pem'), cert: file('elsewhere.pem') };
const HOST = 'elsewhere.example';

const original = getCACertificates('default');
beforeEach(() => setDefaultCACertificates([...original, file('elsewhere.pem')]));
afterEach(() => setDefaultCACertificates(original));

const PNG = Buffer.concat([Buffer.from([0x89, ...Buffer.from('PNG\r\n\x1a\n')]), Buffer.from('the rest')]);
const PDF = Buffer.from('%PDF-1.7 the rest');

/** Sends a file; the type is what the server says it is. */
function send(line: Line, bytes: Uint8Array, type = 'image/png', headers: readonly string[] = []): void {
  const head = [`content-length: ${bytes.length}`, `content-type: ${type}`, ...headers].join('\r\n');
  line.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), bytes]));
}

const png: Script = (line) => send(line, PNG);

async function server(script: Script, onConnection?: () => void): Promise<Upstream> {
  const upstream = await startUpstream(script, { tls: identity, ...(onConnection ? { onConnection } : {}) });
  onTestFinished(() => upstream.close());
  return upstream;
}

/** For a server on loopback, which is allowed here, under the name of its certificate. */
const rules = ({ port }: Upstream, overrides: Partial<MediaOptions> = {}): MediaOptions => ({
  fetch: true,
  maxBytes: 10_000,
  maxItems: 8,
  timeoutMs: 5_000,
  clock: systemClock,
  room: mediaRoom(1_000_000),
  resolve: async (host) => (host === HOST ? ['127.0.0.1'] : []),
  isPublic: (address) => address === '127.0.0.1',
  port,
  ...overrides,
});

const at = ({ port }: Upstream, path = '/a.png', host = HOST) => `https://${host}:${port}${path}`;
const image = (url: string, mediaType = ''): PartInit => ({
  part: { case: 'image', value: { source: { case: 'url', value: url }, mediaType } },
});
const document = (url: string, mediaType = ''): PartInit => ({
  part: { case: 'document', value: { source: { case: 'url', value: url }, mediaType, filename: 'a.txt' } },
});
const asking = (...parts: PartInit[]): CompleteRequest => requestOf({ messages: [user(text('Look.'), ...parts)] });

const run = async (options: MediaOptions, request: CompleteRequest, signal = new AbortController().signal) =>
  (await mediaFetcher(options)(request, signal)).request;

async function refusal(options: MediaOptions, request: CompleteRequest): Promise<GatewayError> {
  const thrown: unknown = await run(options, request).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(GatewayError);
  if (!(thrown instanceof GatewayError)) throw new Error('it was not refused');
  return thrown;
}

/** What was got of each picture and document, in order. */
const gotOf = ({ messages }: CompleteRequest): string[] =>
  messages.flatMap(({ content }) =>
    content.flatMap(({ part }) => {
      const parts = part.case === 'toolResult' ? part.value.content : [{ part }];
      return parts.flatMap(({ part: { case: name, value } }) => {
        if (name !== 'image' && name !== 'document') return [];
        const { source, mediaType } = value;
        return `${mediaType} ${source.case === 'data' ? Buffer.from(source.value).toString('latin1') : source.value}`;
      });
    }),
  );

const GOT = `image/png ${PNG.toString('latin1')}`;

describe('files given by URL', () => {
  it('come in the place of their URLs, everywhere, and the request is not changed', async () => {
    const upstream = await server((line, n) => (n % 2 ? send(line, PDF, 'application/pdf') : send(line, PNG)));
    const inResult: PartInit = {
      part: {
        case: 'toolResult',
        value: { toolCallId: 'a', content: [text('Here.'), image(at(upstream)), document(at(upstream, '/b.pdf'))] },
      },
    };
    const request = requestOf({
      messages: [
        user(text('Look.')),
        assistant(toolCall('a')),
        { role: 5, content: [inResult] },
        user(image(at(upstream))),
      ],
    });
    const before = clone(CompleteRequestSchema, request);
    const copy = await run(rules(upstream), request);
    expect(gotOf(copy)).toEqual([GOT, `application/pdf ${PDF}`, GOT]);
    expect(request).toEqual(before);
    expect(copy.messages[0]).toBe(request.messages[0]);
    expect(copy.model).toBe(request.model);
    // The same URL is fetched once.
    expect(upstream.received.map(({ path }) => path).sort()).toEqual(['/a.png', '/b.pdf']);
  });

  it('are not looked for in a request without any', async () => {
    const request = asking({
      part: { case: 'image', value: { source: { case: 'data', value: PNG }, mediaType: 'image/png' } },
    });
    const fetcher = mediaFetcher({ ...rules({ port: 1 } as Upstream), fetch: false });
    expect((await fetcher(request, AbortSignal.abort())).request).toBe(request);
  });

  it('are asked for with nothing that tells of the caller', async () => {
    const upstream = await server(png);
    await run(rules(upstream), asking(image(at(upstream, '/a.png?size=2#part'))));
    expect(upstream.received).toEqual([
      {
        method: 'GET',
        path: '/a.png?size=2',
        headers: {
          host: `${HOST}:${upstream.port}`,
          connection: 'keep-alive',
          accept: '*/*',
          'accept-encoding': 'identity',
          'user-agent': 'antiphon',
        },
        body: '',
        nth: 0,
      },
    ]);
  });

  it('are fetched four at a time, and no connection stays open', async () => {
    let open = 0;
    let most = 0;
    const upstream = await server(async (line) => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 40));
      open--;
      png(line, 0);
    });
    const images = Array.from({ length: 8 }, (_, i) => image(at(upstream, `/${i}.png`)));
    expect(gotOf(await run(rules(upstream), asking(...images)))).toEqual(images.map(() => GOT));
    expect(most).toBe(4);
    await until('closed connections', () => upstream.open === 0);
  });
});

describe('the media type', () => {
  const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
  const webp = Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1');
  const latin1 = Buffer.from('caf\xe9', 'latin1');
  const none = undefined;

  it.each<[string, typeof image, Uint8Array, string, string, string | undefined]>([
    ['a PNG', image, PNG, 'image/png', '', 'image/png'],
    ['a JPEG', image, jpeg, 'image/jpeg', '', 'image/jpeg'],
    ['a GIF', image, Buffer.from('GIF89a'), 'image/gif', '', 'image/gif'],
    ['a WebP', image, webp, 'image/webp', '', 'image/webp'],
    ['a JPEG that its server takes for a PNG', image, jpeg, 'image/png', '', 'image/jpeg'],
    ['a PNG that the caller takes for a JPEG', image, PNG, 'image/png', 'image/jpeg', 'image/png'],
    ['a PNG of which nobody knows', image, PNG, 'application/octet-stream', '', 'image/png'],
    ['a page in the place of a picture', image, Buffer.from('<html>'), 'image/png', '', none],
    ['another kind of picture', image, Buffer.from('BM1234'), 'image/bmp', '', none],
    ['a WAV, which begins like a WebP', image, Buffer.from('RIFF....WAVE'), 'image/webp', '', none],
    ['a PDF in the place of a picture', image, PDF, 'image/png', '', none],
    ['nothing', image, Buffer.from(''), 'image/png', '', none],
    ['a PDF', document, PDF, 'application/pdf', '', 'application/pdf'],
    ['a PDF that its server takes for text', document, PDF, 'text/plain', 'text/plain', 'application/pdf'],
    ['a picture in the place of a document', document, PNG, 'application/pdf', 'application/pdf', none],
    ['a text', document, Buffer.from('hello'), 'text/plain; charset=utf-8', '', 'text/plain'],
    [
      'a text that the caller knows better',
      document,
      Buffer.from('a,b'),
      'text/plain',
      'text/csv; header=x',
      'text/csv',
    ],
    [
      'a text that its server does not know',
      document,
      Buffer.from('# a'),
      'binary/octet-stream',
      'text/markdown',
      'text/markdown',
    ],
    ['bytes that nobody knows', document, Buffer.from('hello'), 'application/octet-stream', '', none],
    ['what its server knows to be no text', document, Buffer.from('hello'), 'font/woff', 'text/plain', none],
    ['what the caller takes for a PDF', document, Buffer.from('hello'), 'text/plain', 'application/pdf', none],
    ['a text in another encoding', document, latin1, 'text/plain', '', none],
    ['an empty text', document, Buffer.from(''), 'text/plain', '', none],
  ])('of %s', async (_, part, bytes, said, asked, expected) => {
    const upstream = await server((line) => send(line, bytes, said));
    const request = asking(part(at(upstream), asked));
    if (expected)
      return expect(gotOf(await run(rules(upstream), request))).toEqual([
        `${expected} ${bytes.toString()}`.replace(/ .*/s, ` ${Buffer.from(bytes).toString('latin1')}`),
      ]);
    const error = await refusal(rules(upstream), request);
    expect(error.kind).toBe('invalid_request');
    expect(error.facts.violations).toMatchObject([{ description: expect.stringMatching(/^must give a (PNG|PDF)/) }]);
  });
});

/** How everything is refused that tells of somebody else's network. */
const NOT_FETCHED = /^could not be fetched: it must be on port 443 of a public server/;

async function expectNotFetched(options: MediaOptions, url: string): Promise<void> {
  const { kind, message, facts } = await refusal(options, asking(image(url)));
  expect(kind).toBe('invalid_request');
  const field = 'messages[0].content[1].image.url';
  expect(facts.violations).toEqual([{ field, description: expect.stringMatching(NOT_FETCHED) }]);
  expect(message).toBe(`The request is not valid: ${field} ${facts.violations?.[0]?.description}.`);
}

describe('row 84: a hostile URL', () => {
  /** Of a server that would answer, if only it were asked. */
  const hostile: readonly (readonly [string, string])[] = [
    ['loopback', 'https://127.0.0.1/'],
    ['loopback in decimal', 'https://2130706433/'],
    ['loopback in hexadecimal', 'https://0x7f000001/'],
    ['loopback in octal', 'https://0177.0.0.1/'],
    ['loopback in two parts', 'https://127.1/'],
    ['loopback in mixed parts', 'https://0x7f.0.1/'],
    ['loopback with a dot', 'https://127.0.0.1./'],
    ['loopback in full-width digits', 'https://１２７.０.０.１/'],
    ['loopback in circled digits', 'https://①②⑦.⓪.⓪.①/'],
    ['loopback, percent-encoded', 'https://%31%32%37.0.0.1/'],
    ['zero', 'https://0/'],
    ['loopback by IPv6', 'https://[::1]/'],
    ['unspecified by IPv6', 'https://[::]/'],
    ['loopback, mapped', 'https://[::ffff:127.0.0.1]/'],
    ['loopback, mapped, in hexadecimal', 'https://[::ffff:7f00:1]/'],
    ['loopback, by NAT64', 'https://[64:ff9b::7f00:1]/'],
    ['loopback, by 6to4', 'https://[2002:7f00:1::]/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data/'],
    ['metadata in decimal', 'https://2852039166/'],
    ['metadata by IPv6', 'https://[fd00:ec2::254]/'],
    ['private', 'https://10.0.0.1/'],
    ['shared', 'https://100.64.0.1/'],
    ['a zone', 'https://[fe80::1%25eth0]/'],
    ['credentials', 'https://a:b@1.1.1.1/'],
    ['a name before an @', 'https://elsewhere.example@127.0.0.1/'],
    ['a backslash', 'https://1.1.1.1\\@127.0.0.1/'],
    ['plain HTTP', 'http://1.1.1.1/'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:image/png;base64,iVBORw0KGgo='],
    ['gopher', 'gopher://127.0.0.1/'],
    ['no URL', 'elsewhere.example/a.png'],
    ['nothing', ''],
  ];

  it.each(hostile)('is not asked for: %s', async (_, url) => {
    let connections = 0;
    const upstream = await server(png, () => connections++);
    const { isPublic: _allowed, ...strict } = rules(upstream);
    for (const port of [upstream.port, 443]) {
      const there = url.replace(/^(https?:\/\/[^/]*)\//, `$1:${upstream.port}/`);
      await expectNotFetched({ ...strict, port }, port === 443 ? url : there);
    }
    expect(connections).toBe(0);
  });

  it.each<[string, readonly string[]]>([
    ['no address', []],
    ['loopback', ['127.0.0.1']],
    ['a public address and a private one', ['1.1.1.1', '10.0.0.1']],
    ['a private address by IPv6', ['1.1.1.1', '::ffff:10.0.0.1']],
    ['no real address', ['elsewhere']],
  ])('is not asked for when its name has %s', async (_, addresses) => {
    let connections = 0;
    const upstream = await server(png, () => connections++);
    const { isPublic: _allowed, ...strict } = rules(upstream, { resolve: async () => addresses });
    await expectNotFetched(strict, at(upstream));
    expect(connections).toBe(0);
  });

  it('is not asked for when only some of its addresses may be', async () => {
    const upstream = await server(png);
    await expectNotFetched(rules(upstream, { resolve: async () => ['127.0.0.1', '10.0.0.1'] }), at(upstream));
    await expectNotFetched(rules(upstream, { resolve: async () => ['10.0.0.1', '127.0.0.1'] }), at(upstream));
    expect(upstream.accepted).toBe(0);
  });

  it('cannot win by a name that changes: it is resolved once, and what was looked at is connected to', async () => {
    const upstream = await server(png);
    const seen: string[] = [];
    const resolve = async (host: string) => {
      seen.push(host);
      return seen.length === 1 ? ['127.0.0.1'] : ['127.0.0.2'];
    };
    // The system itself does not know the name.
    expect(gotOf(await run(rules(upstream, { resolve }), asking(image(at(upstream)))))).toEqual([GOT]);
    expect(seen).toEqual([HOST]);
  });

  it('is not on another port', async () => {
    const upstream = await server(png);
    await expectNotFetched(rules(upstream, { port: 443 }), at(upstream));
    await expectNotFetched(rules(upstream), `https://${HOST}/a.png`);
    expect(upstream.accepted).toBe(0);
  });

  it('must have a certificate of its name', async () => {
    const upstream = await server(png);
    const anyName = rules(upstream, { resolve: async () => ['127.0.0.1'] });
    await expectNotFetched(anyName, at(upstream, '/a.png', 'other.example'));
    await expectNotFetched(anyName, at(upstream, '/a.png', '127.0.0.1'));
    setDefaultCACertificates(original);
    await expectNotFetched(anyName, at(upstream));
    expect(upstream.received).toHaveLength(0);
  });

  const answers: readonly (readonly [string, Script])[] = [
    [
      'a redirect',
      (line) => line.json(302, '', { location: at({ port: line.socket.localPort } as Upstream, '/b.png') }),
    ],
    ['404', (line) => line.json(404, {})],
    ['500', (line) => line.json(500, {})],
    ['part of a file', (line) => line.send(`HTTP/1.1 206 OK\r\ncontent-length: ${PNG.length}\r\n\r\n${PNG}`)],
    ['a compressed file', (line) => send(line, PNG, 'image/png', ['content-encoding: gzip'])],
    ['no HTTP', (line) => line.send('SSH-2.0-OpenSSH_9.9\r\n')],
    ['a head without an end', (line) => line.send(`HTTP/1.1 200 OK\r\n${'a-name: and a value\r\n'.repeat(5_000)}`)],
    [
      'half a file',
      (line) => {
        line.send(`HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n${PNG}`);
        line.socket.end();
      },
    ],
    ['a broken connection', (line) => void line.socket.destroy()],
  ];

  it.each(answers)('tells nothing by its answer: %s', async (_, script) => {
    const upstream = await server(script);
    await expectNotFetched(rules(upstream), at(upstream));
    expect(upstream.received).toHaveLength(1);
    await until('closed connections', () => upstream.open === 0);
  });

  it('tells nothing by being unreachable', async () => {
    await expectNotFetched(rules({ port: 1 } as Upstream), `https://${HOST}:1/`);
  });
});

describe('what is too much', () => {
  const cases: readonly (readonly [string, Script])[] = [
    ['by the length it gives', (line) => line.send('HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n')],
    [
      'by what comes',
      async (line) => {
        line.startStream();
        for (let i = 0; i < 1_000 && !line.socket.destroyed; i++) line.chunk(PNG);
      },
    ],
  ];

  it.each(cases)('is not read to its end: too large %s', async (_, script) => {
    const upstream = await server(script);
    const { kind, message } = await refusal(rules(upstream), asking(image(at(upstream))));
    expect(kind).toBe('request_too_large');
    expect(message).toMatch(/image\.url must not give more than 10000 bytes/);
    await until('closed connections', () => upstream.open === 0);
  });

  it('is counted for all files together', async () => {
    const upstream = await server(png);
    const images = [image(at(upstream, '/1')), image(at(upstream, '/2'))];
    const enough = rules(upstream, { maxBytes: 2 * PNG.length });
    expect(gotOf(await run(enough, asking(...images)))).toEqual([GOT, GOT]);
    const { kind } = await refusal({ ...enough, maxBytes: 2 * PNG.length - 1 }, asking(...images));
    expect(kind).toBe('request_too_large');
  });

  it('is what has no room beside the files of other calls, until those are over', async () => {
    const upstream = await server(png);
    const room = mediaRoom(2 * PNG.length);
    const options = rules(upstream, { room });
    const fetcher = mediaFetcher(options);
    const two = asking(image(at(upstream, '/1')), image(at(upstream, '/2')));
    const held = await fetcher(two, new AbortController().signal);
    const error = await refusal(options, two);
    expect(error).toMatchObject({ kind: 'overloaded', facts: { retryAfterMs: 1_000 } });
    held.release();
    expect(room.take(2 * PNG.length)).toBe(true);
    room.free(2 * PNG.length);
    expect(gotOf(await run(options, two))).toEqual([GOT, GOT]);
  });

  it('leaves no room taken when it is refused', async () => {
    const upstream = await server((line, n) => (n === 0 ? send(line, PNG) : send(line, Buffer.from('no picture'))));
    const room = mediaRoom(1_000);
    await refusal(rules(upstream, { room }), asking(image(at(upstream, '/1')), image(at(upstream, '/2'))));
    expect(room.take(1_000)).toBe(true);
  });

  it('is too many', async () => {
    const upstream = await server(png);
    const images = Array.from({ length: 9 }, (_, i) => image(at(upstream, `/${i}`)));
    const { kind, message } = await refusal(rules(upstream), asking(...images));
    expect(kind).toBe('invalid_request');
    expect(message).toMatch(/^The request is not valid: messages must not name more than 8 different URLs/);
    expect(upstream.accepted).toBe(0);
  });

  it('is anything when fetching is switched off', async () => {
    const upstream = await server(png);
    const request = asking(image(at(upstream)), text('and'), document(at(upstream)));
    const { kind, facts } = await refusal(rules(upstream, { fetch: false }), request);
    expect(kind).toBe('invalid_request');
    expect(facts.violations).toMatchObject([
      { field: 'messages[0].content[1].image.url', description: expect.stringContaining('send data instead') },
      { field: 'messages[0].content[3].document.url' },
    ]);
    expect(upstream.accepted).toBe(0);
  });
});

describe('time', () => {
  const silences: readonly (readonly [string, Script, boolean])[] = [
    ['a head', () => undefined, false],
    ['the end of a file', (line) => line.startStream(), false],
    ['a handshake', png, true],
  ];

  it.each(silences)('ends the wait for %s', async (_, script, plain) => {
    const upstream = plain ? await startUpstream(script) : await server(script);
    if (plain) onTestFinished(() => upstream.close());
    const clock = fakeClock();
    const failing = expectNotFetched(rules(upstream, { clock, timeoutMs: 60_000 }), at(upstream));
    await until('a connection', () => upstream.accepted === 1);
    await until('a request', () => plain || upstream.received.length === 1);
    clock.advance(59_999);
    expect(upstream.open).toBe(1);
    clock.advance(1);
    await failing;
    await until('closed connections', () => upstream.open === 0);
    expect(clock.pending).toBe(0);
  });

  it('ends the wait for the address of a name', async () => {
    const clock = fakeClock();
    const resolve = (_: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const failing = expectNotFetched(rules({ port: 443 } as Upstream, { clock, resolve }), `https://${HOST}/`);
    clock.advance(5_000);
    await failing;
    expect(clock.pending).toBe(0);
  });

  it.each(silences)('is the caller’s: one who leaves ends the wait for %s', async (_, script, plain) => {
    const upstream = plain ? await startUpstream(script) : await server(script);
    if (plain) onTestFinished(() => upstream.close());
    const abort = new AbortController();
    const clock = fakeClock();
    const images = Array.from({ length: 8 }, (_element, i) => image(at(upstream, `/${i}`)));
    const leaving = run(rules(upstream, { clock, timeoutMs: 60_000 }), asking(...images), abort.signal);
    await until('four connections', () => upstream.accepted === 4);
    await until('four requests', () => plain || upstream.received.length === 4);
    abort.abort('the caller left');
    await expect(leaving).rejects.toBe('the caller left');
    await until('closed connections', () => upstream.open === 0);
    expect(upstream.accepted).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it('is not spent on the other files when one cannot be had', async () => {
    const upstream = await server((line) => void (line.request.path === '/bad' && line.json(404, {})));
    const { facts } = await refusal(rules(upstream), asking(image(at(upstream)), image(at(upstream, '/bad'))));
    expect(facts.violations).toMatchObject([{ field: 'messages[0].content[2].image.url' }]);
    await until('closed connections', () => upstream.open === 0);
  });
});
