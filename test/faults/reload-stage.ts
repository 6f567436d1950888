// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import type { DoorClient } from '../support/doors.ts';
import { type GatewayProcess, type GatewayProcessOptions, spawnGateway } from '../support/process.ts';
import { until, type WayName, ways } from '../support/scene.ts';
import { chatBody, type Line, startUpstream, type Upstream } from '../support/upstream.ts';

export const { complete, streamComplete, health } = LlmService.method;

/** Two keys that no pattern knows, so that they are masked for being known, or not at all. */
export const keys = { old: 'CANARY.the+old/key=0001', next: 'CANARY.the+next/key=0002' } as const;

/** A gateway in a process of its own whose configuration is in files that can change, and its provider. */
export interface ReloadStage {
  readonly upstream: Upstream;
  readonly gateway: GatewayProcess;
  /** Where the file is. */
  readonly path: string;
  readonly keyPath: string;
  /** The text that the file began with. */
  readonly text: string;
  /** The requests that stream: they say one word and wait. All others are answered. */
  readonly streams: readonly Line[];
  client(way?: WayName): DoorClient;
  /** The lines of the log that have this `msg`. */
  told(msg: string): Record<string, unknown>[];
  /** How often the configuration was read again with this result. */
  reloads(result: 'ok' | 'rejected'): Promise<number>;
  /** Asks for a reload, and resolves when it is over, whatever came of it. */
  hangUp(): Promise<void>;
}

export const RELOADED = 'configuration reloaded';
export const REFUSED = 'configuration not reloaded: the last good one stays';

const fileFor = (url: string, keyPath: string): string => `
server: { drain_delay_ms: 0, drain_grace_ms: 20000 }
retry: { max_retries: 0 }
models: { default: test/test-model }
providers:
  test:
    base_url: ${url}
    api_key: \${file:${keyPath}}
    models: [test-model]
`;

/** Leaves it to the gateway to close a connection: by itself it would, after some seconds without a call. */
const KEEP = { 'keep-alive': 'timeout=600' };

/** An answer to what is no stream. It tells the key that it was asked with. */
const answer = (line: Line) => line.json(200, chatBody(`by ${line.request.headers.authorization}`), KEEP);

export async function reloadStage(options: Pick<GatewayProcessOptions, 'preload'> = {}): Promise<ReloadStage> {
  const folder = mkdtempSync(join(tmpdir(), 'antiphon-reload-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [path, keyPath] = [join(folder, 'antiphon.yaml'), join(folder, 'key')];
  const { upstream, streams } = await streamingUpstream();
  const text = fileFor(upstream.url, keyPath);
  writeFileSync(path, text);
  writeFileSync(keyPath, `${keys.old}\n`);
  const gateway = await spawnGateway({ ...options, env: { ANTIPHON_CONFIG: path } });
  const told = (msg: string) => gateway.lines().filter((line) => line.msg === msg);
  const reloads = async (result: string) =>
    Number(
      new RegExp(`^llm_config_reloads_total\\{result="${result}"\\} (\\d+)`, 'm').exec(await gateway.metrics())?.[1],
    );
  return {
    upstream,
    gateway,
    path,
    keyPath,
    text,
    streams,
    told,
    reloads,
    client(way = 'gRPC') {
      const client = ways[way].client(ways[way].port(gateway));
      onTestFinished(() => client.close());
      return client;
    },
    async hangUp() {
      const count = async () => (await reloads('ok')) + (await reloads('rejected'));
      const before = await count();
      gateway.signal('SIGHUP');
      await until('the reload to be over', async () => (await count()) > before);
    },
  };
}

const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n';

/** A provider whose streams wait after one word, and that closes no connection. */
export async function streamingUpstream(): Promise<{ upstream: Upstream; streams: readonly Line[] }> {
  const streams: Line[] = [];
  const upstream = await startUpstream((line) => {
    if (line.request.headers.accept === 'application/json') return answer(line);
    line.send(`${STREAM_HEAD}keep-alive: ${KEEP['keep-alive']}\r\n\r\n`);
    line.text('word');
    streams.push(line);
  });
  onTestFinished(() => upstream.close());
  return { upstream, streams };
}

/** A stream that has come as far as its first word. */
export async function streaming(client: DoorClient, model = 'test/test-model') {
  const begun = Promise.withResolvers<void>();
  let seen = 0;
  const onMessage = () => {
    if (++seen === 2) begun.resolve();
  };
  const reply = client.stream(streamComplete, helloRequest(model), { onMessage });
  await Promise.race([begun.promise, reply]);
  return { reply };
}

/** The text of an answer, or the error in its place. */
export async function asked(client: DoorClient, model = 'test/test-model'): Promise<unknown> {
  const { messages, error } = await client.unary(complete, helloRequest(model));
  return error ?? messages[0]?.content[0]?.part.value;
}

/** Puts a file in the place of another, as editors do, and Kubernetes: nobody sees half of it. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}
