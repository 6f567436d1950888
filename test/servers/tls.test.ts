import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { hasOpenssl, makeAuthority, makeCertificate } from '../support/certificates.ts';
import { configOf, startGateway } from '../support/gateway.ts';
import { spawnGateway } from '../support/process.ts';
import { until } from '../support/scene.ts';

const folder = mkdtempSync(join(tmpdir(), 'antiphon-tls-'));
const at = (name: string) => join(folder, name);
const pem = (name: string) => readFileSync(at(name));
const HELLO = '{"messages":[{"role":"ROLE_USER","content":[{"text":"Hello!"}]}]}';

/** Callers know the authority `ours`. */
const trusting = () => ({ ca: pem('ours.pem') });
const provenBy = (name: string) => ({ ...trusting(), cert: pem(`${name}.pem`), key: pem(`${name}.key`) });

function put(name: string): void {
  copyFileSync(at(`${name}.pem`), at('served.pem'));
  copyFileSync(at(`${name}.key`), at('served.key'));
}

const serverFile = (more = '') =>
  `server: { drain_delay_ms: 0, tls: { cert: ${at('served.pem')}, key: ${at('served.key')}${more} } }\n`;

type Proof = Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>;

/** Resolves with the connection, on which TLS is agreed. */
async function dial(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const ways: Record<string, (ports: { grpcPort: number; httpPort: number }, proof: Proof) => Promise<string>> = {
  'gRPC, grpc-js': ({ grpcPort }, { ca, key, cert }) => {
    const channel = credentials.createSsl(
      ...([ca, key ?? null, cert ?? null] as [Buffer, Buffer | null, Buffer | null]),
    );
    // grpc-js takes no address for the name of a server.
    const named = { 'grpc.ssl_target_name_override': 'localhost' };
    const client = new Client(`127.0.0.1:${grpcPort}`, channel, named);
    const path = '/antiphon.v1.LlmService/Health';
    return new Promise((resolve, reject) => {
      const same = (bytes: Buffer) => bytes;
      const answer = (error: ServiceError | null) => {
        client.close();
        if (error) reject(error);
        else resolve('answered');
      };
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), answer);
    });
  },
  'gRPC on the HTTP port': ({ httpPort }, nodeOptions) =>
    health(createGrpcTransport({ baseUrl: `https://127.0.0.1:${httpPort}`, nodeOptions })),
  'Connect over HTTP/1.1': ({ httpPort }, nodeOptions) =>
    health(createConnectTransport({ baseUrl: `https://127.0.0.1:${httpPort}`, httpVersion: '1.1', nodeOptions })),
  'gRPC-Web over HTTP/2': ({ httpPort }, nodeOptions) =>
    health(createGrpcWebTransport({ baseUrl: `https://127.0.0.1:${httpPort}`, httpVersion: '2', nodeOptions })),
  'OpenAI’s interface': ({ httpPort }, proof) =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: httpPort, path: '/v1/models', agent: false, ...proof });
      sent.once('error', reject);
      sent.once('response', (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200 ? 'answered' : `${response.statusCode}`));
      });
      sent.end();
    }),
};

async function health(transport: Parameters<typeof createClient>[1]): Promise<string> {
  await createClient(LlmService, transport).health({});
  return 'answered';
}

describe.skipIf(!hasOpenssl())('TLS on the ports for callers (needs openssl to make certificates)', () => {
  beforeAll(() => {
    for (const name of ['ours', 'theirs']) makeAuthority(folder, name);
    for (const name of ['one', 'two', 'caller']) makeCertificate(folder, name, 'ours');
    makeCertificate(folder, 'stranger', 'theirs');
    put('one');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('carries every protocol, and nothing in plain text', async () => {
    put('one');
    const gateway = await spawnGateway({ file: serverFile() });
    for (const [name, call] of Object.entries(ways))
      expect([name, await call(gateway, trusting())]).toEqual([name, 'answered']);
    for (const port of [gateway.grpcPort, gateway.httpPort]) {
      const plain = connectTcp(port, '127.0.0.1');
      plain.on('error', () => undefined);
      plain.write(`POST /antiphon.v1.LlmService/Complete HTTP/1.1\r\nhost: x\r\n\r\n${HELLO}`);
      let came = '';
      plain.on('data', (chunk) => {
        came += chunk.toString('latin1');
      });
      await once(plain, 'close');
      expect(came).not.toContain('HTTP');
    }
    expect(gateway.stderr()).toContain(`https://127.0.0.1:${gateway.httpPort}`);
    gateway.signal('SIGTERM');
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  }, 30_000);

  it.each([
    ['1.2', 'TLSv1.1', undefined],
    ['1.2', 'TLSv1.2', 'TLSv1.2'],
    ['1.2', 'TLSv1.3', 'TLSv1.3'],
    ['1.3', 'TLSv1.2', undefined],
    ['1.3', 'TLSv1.3', 'TLSv1.3'],
  ] as const)(
    'from %s on: %s',
    async (least, spoken, agreed) => {
      put('one');
      const gateway = await spawnGateway({ file: serverFile(`, min_version: "${least}"`) });
      for (const port of [gateway.grpcPort, gateway.httpPort]) {
        const old = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: spoken, maxVersion: spoken, ALPNProtocols: ['h2'] };
        const got = dial(port, { ...trusting(), ...old }).then((socket) => [socket.getProtocol(), socket.alpnProtocol]);
        if (agreed) expect(await got).toEqual([agreed, 'h2']);
        else await expect(got).rejects.toThrow();
      }
    },
    30_000,
  );

  it('asks callers for certificates of theirs, if it knows their authority', async () => {
    put('one');
    const gateway = await spawnGateway({ file: serverFile(`, client_ca: ${at('ours.pem')}`) });
    for (const [name, call] of Object.entries(ways)) {
      expect([name, await call(gateway, provenBy('caller'))]).toEqual([name, 'answered']);
      await expect(call(gateway, trusting()), name).rejects.toThrow();
      await expect(call(gateway, provenBy('stranger')), name).rejects.toThrow();
    }
  }, 60_000);

  it('goes on asking for certificates until a restart, and says so', async () => {
    put('one');
    const asking = serverFile(`, client_ca: ${at('ours.pem')}`);
    const gateway = await startGateway({ file: asking });
    onTestFinished(() => gateway.close());
    put('two');
    expect(gateway.reload(configOf(asking))).toEqual([]);
    for (const file of [serverFile(), '']) {
      expect(gateway.reload(configOf(file))).toContain('server.tls');
      for (const [name, call] of Object.entries(ways)) {
        await expect(call(gateway, trusting()), name).rejects.toThrow();
        expect([name, await call(gateway, provenBy('caller'))]).toEqual([name, 'answered']);
      }
    }
  }, 60_000);

  it.each<[string, string, string, string]>([
    ['no such file', 'nowhere.pem', 'one.key', 'cert names a file that does not exist'],
    ['a key in the place of a certificate', 'one.key', 'one.key', 'cert names a file without a certificate'],
    ['a certificate in the place of a key', 'one.pem', 'one.pem', 'key names a file without a private key'],
    ['the key of another', 'one.pem', 'two.key', 'key names a key that is not that of the certificate'],
  ])('is told of before it starts: %s', (_, cert, key, problem) => {
    const file = `server: { tls: { cert: ${at(cert)}, key: ${at(key)} } }`;
    expect(() => configOf(file)).toThrow(`server.tls.${problem}`);
  });

  it('takes on new certificates while connections stay, and keeps the last good one', async () => {
    put('one');
    const gateway = await spawnGateway({ file: serverFile() });
    const served = async (port: number) =>
      (await dial(port, { ...trusting(), ALPNProtocols: ['h2'] })).getPeerCertificate().subject.CN;
    const old = connectHttp2(`https://127.0.0.1:${gateway.httpPort}`, trusting());
    onTestFinished(() => old.destroy());
    const ask = async () => {
      const stream = old.request({ ':path': '/readyz' });
      const [headers] = await once(stream, 'response');
      stream.resume();
      return headers[':status'];
    };
    expect([await served(gateway.grpcPort), await served(gateway.httpPort), await ask()]).toEqual(['one', 'one', 200]);

    put('two');
    gateway.signal('SIGHUP');
    await until('the new certificate', async () => (await served(gateway.httpPort)) === 'two');
    expect([await served(gateway.grpcPort), await ask()]).toEqual(['two', 200]);

    writeFileSync(at('served.pem'), 'no certificate');
    gateway.signal('SIGHUP');
    await until('the refusal', () => gateway.stdout().includes('configuration not reloaded'));
    expect([await served(gateway.grpcPort), await served(gateway.httpPort), await ask()]).toEqual(['two', 'two', 200]);
    expect(await gateway.metrics()).toMatch(/llm_config_reloads_total\{result="rejected"\} [1-9]/);

    put('one');
    await until('the file to be noticed', async () => (await served(gateway.httpPort)) === 'one');
    expect(await ask()).toBe(200);
    expect(gateway.stdout() + gateway.stderr()).not.toContain('PRIVATE KEY');
  }, 60_000);
});
