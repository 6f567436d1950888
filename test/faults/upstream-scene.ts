import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterEach, expect, vi } from 'vitest';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  Role,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { connectClient, type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
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

/** A whole gateway, and the provider that it has to survive. */
export interface Scene {
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  ask(how: How, door?: Door): Promise<DoorReply<CompleteResponse | StreamCompleteResponse>>;
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

const GRPC_CODES: Partial<Record<keyof typeof ErrorReason, status>> = {
  UPSTREAM_UNREACHABLE: status.UNAVAILABLE,
  UPSTREAM_TLS: status.UNAVAILABLE,
  UPSTREAM_TIMEOUT: status.UNAVAILABLE,
  UPSTREAM_RESET: status.UNAVAILABLE,
  UPSTREAM_INCOMPLETE: status.UNAVAILABLE,
  UPSTREAM_BAD_RESPONSE: status.UNAVAILABLE,
  UPSTREAM_OVERLOADED: status.UNAVAILABLE,
  UPSTREAM_ERROR: status.UNAVAILABLE,
  UPSTREAM_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  UPSTREAM_RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  UPSTREAM_REJECTED: status.INVALID_ARGUMENT,
  CONTEXT_LENGTH_EXCEEDED: status.INVALID_ARGUMENT,
  UPSTREAM_AUTH: status.FAILED_PRECONDITION,
  UPSTREAM_BILLING: status.FAILED_PRECONDITION,
};

/** How a call is to fail. */
export interface Failure {
  readonly reason: keyof typeof GRPC_CODES;
  /** The text that came before. Default: none, and then the stream has not even started. */
  readonly text?: string | RegExp;
  /** What the error tells besides the provider and the model. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How often the provider was asked. Default: once. */
  readonly requests?: number;
  /** Connections to the provider that stay open. Default: none. */
  readonly open?: number;
  readonly door?: Door;
}

/** Makes a call that must fail in this way, and looks at all that it left behind. */
export async function expectFailure(scene: Scene, how: How, failure: Failure): Promise<void> {
  const { upstream, ask } = scene;
  const before = upstream.received.length;
  const reply = await ask(how, failure.door);
  expectError(reply, failure);
  const text = expectPartial(reply, failure);
  expect(upstream.received.length - before).toBe(failure.requests ?? 1);
  await vi.waitFor(() => expect(upstream.open).toBe(failure.open ?? 0), { timeout: 10_000, interval: 5 });
  expectLogged(scene, failure, text);
  await expectCounted(scene, failure);
  await expectNoLeak(scene, reply);
}

/** After that failure, the same gateway gets an answer from a provider in good health, on a connection of its own. */
export async function expectRecovery(scene: Scene, how: How): Promise<void> {
  const { upstream, ask, heal } = scene;
  const accepted = upstream.accepted;
  heal();
  const { messages, error } = await ask(how);
  expect(error).toBeUndefined();
  expect(textOf(messages)).toBe('South.');
  expect(upstream.accepted).toBe(accepted + 1);
  expect(upstream.received.at(-1)?.nth).toBe(0);
}

type Reply = DoorReply<CompleteResponse | StreamCompleteResponse>;

function expectError({ error }: Reply, { reason, metadata = {} }: Failure): void {
  expect(error?.errorInfo).toMatchObject({ reason, domain: 'antiphon.v1' });
  expect(error?.errorInfo?.metadata).toEqual({ provider: 'test', model: 'test-model', ...metadata });
  expect(error?.code).toBe(GRPC_CODES[reason]);
  expect(error?.message).toMatch(/^[A-Z].*[.]$/);
  expect(error?.retryInfo).toBeUndefined();
}

/** What came is the beginning of a stream: it would keep the grammar if only `completed` followed. */
function expectPartial({ messages }: Reply, { text = '' }: Failure): string {
  const came = textOf(messages);
  if (typeof text === 'string') expect(came).toBe(text);
  else expect(came).toMatch(text);
  if (text === '') expect(messages).toEqual([]);
  if (messages.length === 0) return came;
  const ending = create(StreamCompleteResponseSchema, {
    sequence: BigInt(messages.length),
    event: { case: 'completed', value: {} },
  });
  expect(checkEvents([...(messages as StreamCompleteResponse[]), ending])).toBeUndefined();
  return came;
}

export function textOf(messages: Reply['messages']): string {
  const texts = messages.flatMap((message) => {
    if ('sequence' in message) return message.event.case === 'textDelta' ? message.event.value.text : [];
    return message.content.map(({ part }) => (part.case === 'text' ? part.value : ''));
  });
  return texts.join('');
}

/** The one line of the call. It bills what had come, and nothing if nothing had. */
function expectLogged({ gateway }: Scene, { reason }: Failure, text: string): void {
  const line = gateway.lines().findLast(({ msg }) => msg === 'call');
  const code = GRPC_CODES[reason] ?? status.OK;
  expect(line).toMatchObject({ status: status[code], error_reason: reason, provider: 'test', attempts: 1 });
  if (text === '') return expect(line).not.toHaveProperty('output_tokens');
  expect(line).toMatchObject({
    tokens_estimated: true,
    input_tokens: Math.ceil(PROMPT.length / 4),
    output_tokens: Math.ceil(text.length / 4),
  });
}

async function expectCounted({ gateway }: Scene, { reason }: Failure): Promise<void> {
  const page = await gateway.metrics();
  expect(page).toMatch(/^llm_active_requests\{[^}]*provider="test"[^}]*\} 0$/m);
  expect(page).toMatch(new RegExp(`^llm_errors_total\\{[^}]*error_type="${reason.toLowerCase()}"[^}]*\\} [1-9]`, 'm'));
}

async function expectNoLeak({ gateway }: Scene, { error, headers }: Reply): Promise<void> {
  const told = JSON.stringify({ error, headers });
  const known = `${gateway.logText()}\n${await gateway.metrics()}`;
  for (const secret of [KEY, PROMPT, 'wild geese']) expect(told + known).not.toContain(secret);
  expect(told + known).not.toMatch(/\n {4}at |\\n {4}at |node_modules|\.ts:\d/);
  expect(known).not.toContain(PARTIAL.trim());
}
