import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { afterEach } from 'vitest';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  Role,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { connectClient, type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { allClosed } from '../support/scene.ts';
import {
  chatBody,
  type Line,
  type Script,
  startUpstream,
  type Upstream,
  type UpstreamOptions,
} from '../support/upstream.ts';

/** What must never be seen outside: the gateway's key, what the caller asked, and what the provider had answered. */
export const KEY = 'sk-test-key-of-the-gateway';
export const PROMPT = 'Which way do the wild geese fly in autumn?';
export const PARTIAL = 'They gather at the lake and ';

export type How = 'unary' | 'stream';
export const HOWS: readonly How[] = ['unary', 'stream'];

const DOORS = {
  grpc: ({ grpcPort }) => grpcClient(grpcPort),
  connect: ({ httpPort }) => connectClient(httpPort),
  'grpc-web': ({ httpPort }) => connectClient(httpPort, { protocol: 'grpc-web' }),
} as const satisfies Record<string, (gateway: TestGateway) => DoorClient>;

export type Door = keyof typeof DOORS;

export type Reply = DoorReply<CompleteResponse | StreamCompleteResponse>;

/** A whole gateway, and the provider that it has to survive. */
export interface Scene {
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  ask(how: How, door?: Door): Promise<Reply>;
  /** From now on the provider answers as it should. */
  heal(): void;
}

export interface SceneOptions extends UpstreamOptions {
  /** By their names in the configuration file. Those not given are too long to matter. */
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** Instead of the upstream's own. */
  readonly url?: (upstream: Upstream) => string;
}

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** Starts a gateway in front of an upstream that does what `script` says until it is healed. Closed after the test. */
export async function setScene(script: Script, options: SceneOptions = {}): Promise<Scene> {
  let healed = false;
  const upstream = await startUpstream((line, n) => (healed ? answer(line) : script(line, n)), options);
  cleanups.push(() => upstream.close());
  cleanups.push(() => allClosed(upstream));
  const { timeouts = {}, limits = {}, url = () => upstream.url } = options;
  // JSON is YAML.
  const gateway = await startGateway({ env: providerAt(url(upstream)), file: JSON.stringify({ timeouts, limits }) });
  cleanups.push(() => gateway.close());
  const clients = new Map<Door, DoorClient>();
  const clientOf = (door: Door): DoorClient => {
    const client = clients.get(door) ?? DOORS[door](gateway);
    if (!clients.has(door)) cleanups.push(() => client.close());
    clients.set(door, client);
    return client;
  };
  return {
    upstream,
    gateway,
    ask(how, door = 'grpc') {
      const client = clientOf(door);
      return how === 'unary'
        ? client.unary(LlmService.method.complete, request())
        : client.stream(LlmService.method.streamComplete, request());
    },
    heal() {
      healed = true;
    },
  };
}

/** Lets all that is under way on loopback arrive. */
export async function aMoment(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await setImmediate();
}

const request = (): CompleteRequest =>
  create(CompleteRequestSchema, {
    model: 'test/test-model',
    messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: PROMPT } }] }],
  });

const streams = (line: Line): boolean => line.request.headers.accept === 'text/event-stream';

/** What a provider in good health answers, in the form that was asked for. */
export function answer(line: Line, text = 'South.'): void {
  if (!streams(line)) return line.json(200, chatBody(text));
  line.startStream();
  line.text(text);
  line.finish();
}

/** What a provider that wants to do harm may put into anything it says: the key, and the caller's words. */
export const echo = ({ request: { headers, body } }: Line): string => `${headers.authorization} ${PROMPT} ${body}`;

/** The text of an answer, whole or not. */
export function textOf(messages: Reply['messages']): string {
  const texts = messages.flatMap((message) => {
    if ('sequence' in message) return message.event.case === 'textDelta' ? message.event.value.text : [];
    return message.content.map(({ part }) => (part.case === 'text' ? part.value : ''));
  });
  return texts.join('');
}
