import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

function isThere(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Whether this machine has a `redis-server`. */
export const hasRedis: boolean = isThere();

if (!hasRedis) console.warn('There is no redis-server on this machine: the tests that need one are skipped.');

/** A Redis of one's own, on a free port, with nothing on the disk. */
export interface RedisServer {
  readonly port: number;
  /** Sends a command past the store. */
  command(...words: string[]): Promise<unknown>;
  /** Kills it. What it knew is gone. */
  stop(): Promise<void>;
  /** Starts it again at the same port. */
  start(): Promise<void>;
  /** It takes connections, and answers nothing. */
  hang(): void;
  goOn(): void;
  close(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** `options`: as on its command line. */
export async function startRedis(...options: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-redis-'));
  const port = await freePort();
  const running: { child?: ChildProcess } = {};
  const words = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...options];
  const stop = async () => {
    const { child } = running;
    delete running.child;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const start = async () => {
    running.child = spawn('redis-server', words, { stdio: 'ignore' });
    while ((await command(port, ['PING']).catch(() => undefined)) !== 'PONG') await sleep(5);
  };
  await start();
  return {
    port,
    command: (...sent) => command(port, sent),
    stop,
    start,
    hang: () => running.child?.kill('SIGSTOP'),
    goOn: () => running.child?.kill('SIGCONT'),
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** By a connection of its own, so that nothing is left of what was before. */
async function command(port: number, [name = '', ...args]: readonly string[]): Promise<unknown> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
