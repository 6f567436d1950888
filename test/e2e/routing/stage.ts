import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, onTestFinished, vi } from 'vitest';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  type Part,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { Clock } from '../../../src/core/clock.ts';
import { Fold } from '../../../src/core/fold.ts';
import { type CallOptions, connectClient, type DoorClient, type DoorReply, grpcClient } from '../../support/doors.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { text, user } from '../../support/requests.ts';
import { type Received, type Script, startUpstream, type Upstream } from '../../support/upstream.ts';

export type How = 'unary' | 'stream';
export const hows: readonly How[] = ['unary', 'stream'];

export type Door = 'gRPC' | 'Connect';

export type Asked = Exclude<MessageInitShape<typeof CompleteRequestSchema>, CompleteRequest>;
export type Reply = DoorReply<CompleteResponse | StreamCompleteResponse>;

export interface AskOptions extends CallOptions<CompleteResponse | StreamCompleteResponse> {
  /** Default: unary. */
  readonly how?: How;
  /** Default: gRPC. */
  readonly door?: Door;
  readonly session?: string | undefined;
}

/** A gateway, and providers that do what scripts say. All is closed when the test is over. */
export interface Stage {
  readonly gateway: TestGateway;
  readonly upstreams: Readonly<Record<string, Upstream>>;
  /** Every request that reached a provider, as "provider/model", in the order in which they came. */
  readonly asked: readonly string[];
  /** Says "hello", unless it is told to say something else. */
  ask(asked?: Asked, options?: AskOptions): Promise<Reply>;
  /** Resolves when no connection to this provider is open any more. */
  closed(provider: string): Promise<void>;
}

export interface StageOptions {
  /** Sections of the file. The providers are in it and in order, and nothing is repeated, probed or shed by default. */
  readonly file?: { readonly models?: object; readonly [section: string]: unknown };
  /** More about a provider than its address, by its name. Unset: it has the models `one` and `two`. */
  readonly providers?: Readonly<Record<string, object>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** What the providers do when they are asked for their models. */
  readonly listing?: Script;
}

const noModels: Script = (line) => line.json(200, { object: 'list', data: [] });

/** `scripts`: by the names of the providers, which are OpenAI-compatible unless `providers` says otherwise. */
export async function setStage(
  scripts: Readonly<Record<string, Script>>,
  { file = {}, providers = {}, env = {}, clock, listing = noModels }: StageOptions = {},
): Promise<Stage> {
  const asked: string[] = [];
  const upstreams: Record<string, Upstream> = {};
  const entries: Record<string, object> = {};
  for (const [name, script] of Object.entries(scripts)) {
    const upstream = await startUpstream((line, n) => {
      if (line.request.method === 'GET') return listing(line, n);
      asked.push(`${name}/${modelOf(line.request)}`);
      return script(line, n);
    });
    onTestFinished(() => upstream.close());
    upstreams[name] = upstream;
    entries[name] = { base_url: upstream.url, ...(providers[name] ?? { models: ['one', 'two'] }) };
  }
  const order = Object.keys(scripts);
  const usual = {
    retry: { max_retries: 0 },
    probes: { enabled: false },
    shedding: { enabled: false },
  };
  const models = { provider_order: order, ...file.models };
  const whole = JSON.stringify({ ...usual, providers: entries, ...file, models });
  const gateway = await startGateway({ file: whole, env, ...(clock ? { clock } : {}) });
  onTestFinished(() => gateway.close());
  const clientOf = clients(gateway);
  return {
    gateway,
    upstreams,
    asked,
    ask(said = {}, { how = 'unary', door = 'gRPC', session = '', ...options } = {}) {
      const context = { sessionId: session, ...said.context };
      const request = create(CompleteRequestSchema, { messages: [user(text('hello'))], ...said, context });
      const client = clientOf(door);
      return how === 'unary'
        ? client.unary(LlmService.method.complete, request, options)
        : client.stream(LlmService.method.streamComplete, request, options);
    },
    closed: (provider) => vi.waitFor(() => expect(upstreams[provider]?.open).toBe(0), { timeout: 10_000, interval: 5 }),
  };
}

/** Gemini's is in the path. */
const modelOf = ({ body, path }: Received): string =>
  JSON.parse(body).model ?? /\/models\/([^:]+):/.exec(path)?.[1] ?? 'none';

function clients({ grpcPort, httpPort }: TestGateway): (door: Door) => DoorClient {
  const open = new Map<Door, DoorClient>();
  return (door) => {
    const client = open.get(door) ?? (door === 'gRPC' ? grpcClient(grpcPort) : connectClient(httpPort));
    if (!open.has(door)) onTestFinished(() => client.close());
    open.set(door, client);
    return client;
  };
}

/** What a reply says of itself: the answer, or the last message of a stream. Fails if there is none. */
export function whole({ messages, error }: Reply): CompleteResponse {
  expect(error?.message).toBeUndefined();
  const last = messages.at(-1);
  if (last && !('sequence' in last)) return last;
  if (last?.event.case === 'completed') return last.event.value;
  return expect.fail('no answer');
}

/** Where the answer came from. */
export function from(reply: Reply): string {
  const { provider, model } = whole(reply);
  return `${provider}/${model}`;
}

/** The content of a reply, put together as a caller does. */
export function contentOf({ messages }: Reply): readonly Part[] {
  const fold = new Fold();
  for (const message of messages) {
    if (!('sequence' in message)) return message.content;
    const { event } = message;
    if (event.case !== undefined && event.case !== 'start' && event.case !== 'completed') fold.add(event);
  }
  return fold.parts;
}

/** The text of it. */
export const said = (reply: Reply): string =>
  contentOf(reply)
    .map(({ part }) => (part.case === 'text' ? part.value : ''))
    .join('');

/** The messages of a stream by what they are. */
export const events = ({ messages }: Reply): readonly string[] =>
  messages.map((message) => ('sequence' in message ? (message.event.case ?? 'none') : 'whole'));

/** Where each try went, and why it was left; "" for the one that gave the answer. */
export const tries = (reply: Reply): readonly string[] =>
  (reply.error?.callFailure?.attempts ?? whole(reply).attempts).map(
    ({ provider, model, leftBecause }) => `${provider}/${model}: ${leftBecause}`,
  );

/** The lines of the log about calls, in order. */
export const callLines = ({ gateway }: Stage): readonly Record<string, unknown>[] =>
  gateway.lines().filter(({ msg }) => msg === 'call');

/** How often each provider, or each target, was asked. */
export function counts(asked: readonly string[]): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of asked) found[name] = (found[name] ?? 0) + 1;
  return found;
}

/** The value of a series of the metrics page whose name and labels begin so. Undefined: there is none. */
export async function metric(
  { gateway }: Stage,
  name: string,
  labels: readonly string[] = [],
): Promise<number | undefined> {
  const page = await gateway.metrics();
  const line = page
    .split('\n')
    .find((each) => each.startsWith(`${name}{`) && labels.every((label) => each.includes(label)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}
