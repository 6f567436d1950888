import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

export interface GatewayProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The text of the configuration file. */
  readonly file?: string;
  /** A module that is loaded before the gateway: its source. */
  readonly preload?: string;
}

/** `antiphon serve` in a process of its own, on free ports. It is ended when the test is over. */
export interface GatewayProcess {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** What it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** The lines of its standard output, parsed. */
  lines(): Record<string, unknown>[];
  metrics(): Promise<string>;
  /** Resident memory by its own account. */
  residentBytes(): Promise<number>;
  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2' | 'SIGKILL'): void;
  /** Resolves when it has ended and all it wrote has been read. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export async function spawnGateway(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'antiphon-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const child = await start(folder, options);
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const { grpc, http, metrics } = await listening(child, out, err);
  const page = async () => (await fetch(`http://${metrics}/metrics`)).text();
  return {
    grpcPort: portOf(grpc),
    httpPort: portOf(http),
    stdout: () => out.text,
    stderr: () => err.text,
    lines: () => jsonLines(out.text),
    metrics: page,
    residentBytes: async () => Number(/^process_resident_memory_bytes (\d+)/m.exec(await page())?.[1]),
    signal: (name) => child.kill(name),
    exited,
  };
}

async function start(folder: string, { env = {}, file, preload }: GatewayProcessOptions) {
  const variables: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    // Half of the time until it listens goes into reading its source.
    NODE_COMPILE_CACHE: join(tmpdir(), 'antiphon-compile-cache'),
    ANTIPHON_GRPC_PORT: '0',
    ANTIPHON_HTTP_PORT: '0',
    ANTIPHON_METRICS_PORT: '0',
    ...env,
  };
  if (file !== undefined) {
    variables.ANTIPHON_CONFIG = join(folder, 'antiphon.yaml');
    await writeFile(variables.ANTIPHON_CONFIG, file);
  }
  const imports = preload === undefined ? [] : ['--import', join(folder, 'preload.mjs')];
  if (preload !== undefined) await writeFile(join(folder, 'preload.mjs'), preload);
  return spawn(process.execPath, [...imports, CLI, 'serve'], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(stream: NodeJS.ReadableStream): { text: string } {
  const collected = { text: '' };
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    collected.text += text;
  });
  return collected;
}

type Addresses = Record<'grpc' | 'http' | 'metrics', string>;

/** Waits for the line that says where it listens. */
async function listening(child: ChildProcess, out: { text: string }, err: { text: string }): Promise<Addresses> {
  for (;;) {
    const line = jsonLines(out.text).find(({ msg }) => msg === 'listening');
    if (line) return line as Addresses;
    if (child.exitCode !== null) throw new Error(`the gateway did not start: ${err.text}`);
    await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'close')]);
  }
}

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
