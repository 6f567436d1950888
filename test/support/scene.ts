import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { connectClient, type DoorClient, grpcClient } from './doors.ts';
import { providerAt, startGateway, type TestGateway } from './gateway.ts';
import { type Script, startUpstream, type Upstream } from './upstream.ts';

/** Where the doors of a gateway are, in this process or another. */
export interface DoorPorts {
  readonly grpcPort: number;
  readonly httpPort: number;
}

interface Way {
  /** Which of the two ports it goes to. */
  port(ports: DoorPorts): number;
  client(port: number): DoorClient;
}

/** How callers reach a gateway: each protocol and version of HTTP that matters when something breaks. */
export const ways = {
  gRPC: { port: ({ grpcPort }) => grpcPort, client: (port) => grpcClient(port) },
  'Connect over HTTP/1.1': { port: ({ httpPort }) => httpPort, client: (port) => connectClient(port) },
  'Connect over HTTP/2': {
    port: ({ httpPort }) => httpPort,
    client: (port) => connectClient(port, { httpVersion: '2' }),
  },
} as const satisfies Record<string, Way>;

export type WayName = keyof typeof ways;

export const wayNames = Object.keys(ways) as readonly WayName[];

export interface SceneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: string;
}

/**
 * A gateway between callers and a scripted provider. All of it is closed when the test is over; then no connection to the
 * provider may be left.
 */
export interface Scene {
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  /** `port`: instead of the gateway's own. */
  client(way: WayName, port?: number): DoorClient;
  /** The one line of the log about a call, as soon as it is written. */
  callLine(): Promise<Record<string, unknown>>;
  /** Resolves when no call is with the provider or on a door any more; by default also no connection to the provider. */
  quiet(left?: { connections: boolean }): Promise<void>;
}

export async function scene(script: Script, { env = {}, file }: SceneOptions = {}): Promise<Scene> {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  onTestFinished(() => allClosed(upstream));
  const gateway = await startGateway({ env: { ...providerAt(upstream.url), ...env }, ...(file ? { file } : {}) });
  onTestFinished(() => gateway.close());
  return {
    upstream,
    gateway,
    client(way, port = ways[way].port(gateway)) {
      const client = ways[way].client(port);
      onTestFinished(() => client.close());
      return client;
    },
    async callLine() {
      await until('the line of the call', () => callLines(gateway).length > 0);
      expect(callLines(gateway)).toHaveLength(1);
      return callLines(gateway)[0] ?? {};
    },
    async quiet({ connections } = { connections: true }) {
      await until('no call with the provider', async () => /^llm_active_requests.* 0$/m.test(await active(gateway)));
      if (connections) await until('no connection to the provider', () => upstream.open === 0);
    },
  };
}

export const callLines = ({ lines }: Pick<TestGateway, 'lines'>): Record<string, unknown>[] =>
  lines().filter(({ msg }) => msg === 'call');

/** The lines of the metrics page about calls under way at the scripted provider. */
async function active(gateway: TestGateway): Promise<string> {
  const page = await gateway.metrics();
  return page
    .split('\n')
    .filter((line) => line.startsWith('llm_active_requests{') && line.includes('"test"'))
    .join('\n');
}

const PATIENCE_MS = 15_000;

/** Shorter than a connection waits that is kept for another request. */
const CLOSING_MS = 2_000;

/** Resolves when the gateway, which is closed, has left no connection open. */
export const allClosed = (...upstreams: readonly { readonly open: number }[]): Promise<void> =>
  until('no connection to a provider', () => upstreams.every(({ open }) => open === 0), CLOSING_MS);

/** Waits for something that other parties bring about, and says what it was if it does not come. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 5) {
    if (await holds()) return;
    await delay(5);
  }
  throw new Error(`waited in vain for ${what}`);
}
