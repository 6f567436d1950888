import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Upstream } from '../support/upstream.ts';
import { expectFailure } from './upstream-checks.ts';
import { answer, HOWS, type SceneOptions, setScene, textOf } from './upstream-scene.ts';

const file = (name: string) => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8');

/** A server's identity, by the name of its certificate. */
const identity = (name: string): TlsOptions => ({ key: file('key.pem'), cert: file(`${name}.pem`) });

const url = ({ port }: Upstream) => `https://127.0.0.1:${port}/v1`;

const secure = (tls: TlsOptions): SceneOptions => ({ tls, url });

const original = getCACertificates('default');
const trust = (...names: string[]) =>
  setDefaultCACertificates([...original, ...names.map((name) => file(`${name}.pem`))]);

afterEach(() => setDefaultCACertificates(original));

/** Not even the request line, with the key behind it, has left. */
const refused = { reason: 'UPSTREAM_TLS', requests: 0 } as const;

describe('TLS', () => {
  it('row 22: works when the certificate is trusted and of that name', async () => {
    trust('loopback');
    const scene = await setScene((line) => answer(line), secure(identity('loopback')));
    for (const how of HOWS) {
      const { messages, error } = await scene.ask(how);
      expect(error).toBeUndefined();
      expect(textOf(messages)).toBe('South.');
    }
  });

  it.each(HOWS)('row 22: a certificate signed by itself, %s', async (how) => {
    const scene = await setScene((line) => answer(line), secure(identity('loopback')));
    await expectFailure(scene, how, refused);
    expect(scene.gateway.logText()).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it.each(HOWS)('row 22: a trusted certificate of another name, %s', async (how) => {
    trust('elsewhere');
    const scene = await setScene((line) => answer(line), secure(identity('elsewhere')));
    await expectFailure(scene, how, refused);
    expect(scene.gateway.logText()).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it.each(HOWS)('row 22: a trusted certificate that has expired, %s', async (how) => {
    trust('expired');
    const scene = await setScene((line) => answer(line), secure(identity('expired')));
    await expectFailure(scene, how, refused);
    expect(scene.gateway.logText()).toContain('CERT_HAS_EXPIRED');
  });

  it.each(HOWS)('row 22: a version before TLS 1.2, %s', async (how) => {
    trust('loopback');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const scene = await setScene((line) => answer(line), secure({ ...identity('loopback'), ...old }));
    await expectFailure(scene, how, refused);
  });

  it.each(HOWS)('row 22: a port that speaks plain HTTP, %s', async (how) => {
    const scene = await setScene((line) => answer(line), {
      url,
      onConnection: (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    });
    await expectFailure(scene, how, refused);
  });

  it.each(HOWS)('row 22: plain HTTP to a port that speaks TLS, %s', async (how) => {
    const scene = await setScene((line) => answer(line), {
      tls: identity('loopback'),
      url: ({ port }) => `http://127.0.0.1:${port}/v1`,
    });
    const { error } = await scene.ask(how);
    expect(error?.code).toBe(14);
    expect(scene.upstream.received).toHaveLength(0);
  });

  it.each(HOWS)('row 22: a handshake that hangs, %s', async (how) => {
    const scene = await setScene((line) => answer(line), { url, timeouts: { connect_ms: 150 } });
    await expectFailure(scene, how, { reason: 'UPSTREAM_TIMEOUT', requests: 0 });
  });

  it.each(HOWS)('row 22: a handshake that is broken off, %s', async (how) => {
    const scene = await setScene((line) => answer(line), {
      url,
      onConnection: (socket) => socket.on('data', () => socket.destroy()),
    });
    await expectFailure(scene, how, { reason: 'UPSTREAM_RESET', requests: 0 });
  });
});
