import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, hasRedis, startRedis } from '../support/redis-server.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const CERTIFICATE = path('../faults/tls/loopback.pem');
const KEY = path('../faults/tls/key.pem');

/** What a process gives that asks a Redis by TLS. Trust is a matter of the process. */
async function asked(port: number, trusted: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [path('redis-tls-child.ts'), `${port}`], {
    env: { ...process.env, ...trusted },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  await exited;
  return text;
}

describe.skipIf(!hasRedis)('a Redis behind TLS', () => {
  it('is spoken to if its certificate is trusted, and only then', async () => {
    const port = await freePort();
    const options = ['--tls-cert-file', CERTIFICATE, '--tls-key-file', KEY, '--tls-auth-clients', 'no'];
    const server = await startRedis('--tls-port', `${port}`, ...options);
    onTestFinished(() => server.close());
    expect(await asked(port, { NODE_EXTRA_CA_CERTS: CERTIFICATE })).toBe('1');
    expect(await asked(port, { NODE_EXTRA_CA_CERTS: '' })).toMatch(/^unreachable .*(?:CERT|SIGNED)/);
  });
});
