import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { chatBody } from '../support/upstream.ts';
import { expectFailure } from './upstream-checks.ts';
import { HOWS, setScene, textOf } from './upstream-scene.ts';

const file = (name: string) => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8');

const original = getCACertificates('default');
beforeEach(() => setDefaultCACertificates([...original, file('loopback.pem')]));
afterEach(() => setDefaultCACertificates(original));

interface Provider {
  readonly port: number;
  /** The version of HTTP of each request. */
  readonly versions: readonly string[];
  /** What the handshakes agreed on, "" for nothing. */
  readonly agreed: readonly string[];
}

/** A provider that speaks HTTP/2, and HTTP/1.1 only if it is told to. */
async function provider(kind: 'both' | 'http2' | 'cleartext'): Promise<Provider> {
  const versions: string[] = [];
  const agreed: string[] = [];
  const identity = { key: file('key.pem'), cert: file('loopback.pem'), allowHTTP1: kind === 'both' };
  const server: Http2SecureServer | Http2Server = kind === 'cleartext' ? createServer() : createSecureServer(identity);
  server.on('secureConnection', ({ alpnProtocol }) => void agreed.push(alpnProtocol || ''));
  server.on('request', (request, response) => {
    versions.push(request.httpVersion);
    const streams = request.headers.accept === 'text/event-stream';
    response.writeHead(200, { 'content-type': streams ? 'application/json; stream' : 'application/json' });
    response.end(JSON.stringify(chatBody('South.')));
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, versions, agreed };
}

const sceneAt = (port: number, scheme = 'https') =>
  setScene(() => undefined, { url: () => `${scheme}://127.0.0.1:${port}/v1`, timeouts: { connect_ms: 2_000 } });

describe('a provider that speaks HTTP/2', () => {
  it('row 28: is spoken to in HTTP/1.1 where it knows that too', async () => {
    const { port, versions, agreed } = await provider('both');
    const scene = await sceneAt(port);
    for (const how of HOWS) expect(textOf((await scene.ask(how)).messages)).toBe('South.');
    expect(versions).toEqual(['1.1', '1.1']);
    expect(new Set(agreed)).toEqual(new Set(['http/1.1']));
  });

  it.each(HOWS)('row 28: and nothing else gives a clear error, %s', async (how) => {
    const { port, versions } = await provider('http2');
    await expectFailure(await sceneAt(port), how, { reason: 'UPSTREAM_TLS', requests: 0 });
    expect(versions).toEqual([]);
  });

  it.each(HOWS)('row 28: in cleartext gives a clear error, %s', async (how) => {
    const { port, versions } = await provider('cleartext');
    await expectFailure(await sceneAt(port, 'http'), how, { reason: 'UPSTREAM_BAD_RESPONSE', requests: 0 });
    expect(versions).toEqual([]);
  });
});
