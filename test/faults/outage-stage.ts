import { create } from '@bufbuild/protobuf';
import { onTestFinished } from 'vitest';
import {
  BrokenStreamPolicy,
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  type Part,
  PartSchema,
  Role,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { Clock } from '../../src/core/clock.ts';
import { Fold } from '../../src/core/fold.ts';
import { connectClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import {
  chatBody,
  chatChunk,
  type Line,
  type Script,
  startUpstream,
  type Upstream,
  type UpstreamOptions,
} from '../support/upstream.ts';
import { type How, PROMPT, type Reply } from './upstream-scene.ts';

/** A provider, as bad as it may be, and what it knows of being called. */
export interface Place {
  readonly url: string;
  /** How often it was called. Undefined: it cannot know. */
  readonly calls: number | undefined;
  /** Connections to it that are open now. */
  readonly open: number;
  /** Requests to where it sends its callers: none may come. */
  readonly strays?: number;
}

export interface Scripted extends UpstreamOptions {
  /** Instead of its own address. */
  readonly url?: (upstream: Upstream) => string;
  /** Default: requests. Connections where none gets so far as a request. */
  readonly count?: 'requests' | 'connections';
}

/** A provider that does what `script` says. */
export async function scripted(script: Script, { url, count = 'requests', ...options }: Scripted = {}): Promise<Place> {
  const upstream = await startUpstream(script, options);
  onTestFinished(() => upstream.close());
  return {
    url: url?.(upstream) ?? upstream.url,
    get calls() {
      return count === 'requests' ? upstream.received.length : upstream.accepted;
    },
    get open() {
      return upstream.open;
    },
  };
}

export const isStream = ({ request }: Line): boolean => request.headers.accept === 'text/event-stream';

const toolCall = { id: 'call-2', type: 'function', function: { name: 'fly', arguments: '{"to":"south"}' } };

/** What the second provider always answers. */
export const WHOLE: readonly Part[] = [
  create(PartSchema, { part: { case: 'text', value: 'The second one answers.' } }),
  create(PartSchema, { part: { case: 'toolCall', value: { id: 'call-2', name: 'fly', arguments: '{"to":"south"}' } } }),
];

/** That answer, in the form that was asked for. */
export function answerWhole(line: Line): void {
  if (!isStream(line)) {
    const message = { role: 'assistant', content: 'The second one answers.', tool_calls: [toolCall] };
    const body = chatBody('');
    return line.json(200, { ...body, choices: [{ index: 0, message, finish_reason: 'tool_calls' }] });
  }
  const { function: called, ...call } = toolCall;
  line.startStream();
  for (const piece of ['The ', 'second one ', 'answers.']) line.text(piece);
  line.event(chatChunk({ tool_calls: [{ index: 0, ...call, function: { ...called, arguments: '{"to":' } }] }));
  line.event(chatChunk({ tool_calls: [{ index: 0, function: { arguments: '"south"}' } }] }));
  line.event(chatChunk({}, 'tool_calls'));
  line.event({ ...chatChunk({}), choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } });
  line.chunk('data: [DONE]\n\n');
  line.endStream();
}

export interface StageOptions {
  /** By their names in the configuration file. */
  readonly timeouts?: Readonly<Record<string, number>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** Besides a short pause between tries, so that the usual number of them is made. */
  readonly retry?: Readonly<Record<string, number>>;
  /** Further sections of the file. */
  readonly more?: object;
  readonly clock?: Clock;
  /** The share of the memory that is in use, from 0 to 1. */
  readonly memory?: () => number;
}

/** What a call says besides its prompt. */
export type Asking = Partial<Pick<CompleteRequest, 'model' | 'fallbackModels' | 'onBrokenStream' | 'priority'>>;

/** To the first provider, and nowhere else. */
export const alone: Asking = { model: 'first/one' };
/** The two ways to have the second one behind the first. */
export const withFallback: Asking = { ...alone, fallbackModels: ['second/two'] };
export const byRoute: Asking = { model: 'both' };
export const restarting = { onBrokenStream: BrokenStreamPolicy.RESTART };

export interface Call {
  readonly timeoutMs?: number;
  /** Default: gRPC. */
  readonly door?: 'grpc' | 'connect';
}

/** A gateway with two providers: the first one is to fail, and the second one is in good health. */
export interface Stage {
  readonly first: Place;
  readonly second: Upstream;
  readonly gateway: TestGateway;
  ask(how: How, asking: Asking, options?: Call): Promise<Reply>;
}

/** No pause that the gateway makes by itself is longer than 8 times this. */
export const BASE_MS = 1;

/** `script`: what the second provider does instead of answering. */
export async function setStage(first: Place, options: StageOptions = {}, script: Script = answerWhole): Promise<Stage> {
  const second = await startUpstream(script);
  onTestFinished(() => second.close());
  const { timeouts = {}, limits = {}, retry = {}, more = {}, clock, memory } = options;
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
  const file = {
    providers: {
      first: { base_url: first.url, api_key: '${FIRST_KEY}', models: ['one'] },
      second: { base_url: second.url, api_key: '${SECOND_KEY}', models: ['two'] },
    },
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the file has no more of them
    routing: { routes: { both: { targets: ['first/one', 'second/two'] } } },
    retry: { base_ms: BASE_MS, ...retry },
    probes: { enabled: false },
    timeouts,
    limits,
    ...more,
  };
  const env = { FIRST_KEY: 'sk-test-first-key', SECOND_KEY: 'sk-test-second-key' };
  const gateway = await startGateway({
    env,
    file: JSON.stringify(file),
    ...(clock ? { clock } : {}),
    ...(memory ? { memory } : {}),
  });
  onTestFinished(() => gateway.close());
  const clients = { grpc: grpcClient(gateway.grpcPort), connect: connectClient(gateway.httpPort) };
  onTestFinished(() => {
    for (const client of Object.values(clients)) client.close();
  });
  return {
    first,
    second,
    gateway,
    ask(how, asking, { door = 'grpc', ...callOptions } = {}) {
      const request = create(CompleteRequestSchema, {
        messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: PROMPT } }] }],
        ...asking,
      });
      const client = clients[door];
      return how === 'unary'
        ? client.unary(LlmService.method.complete, request, callOptions)
        : client.stream(LlmService.method.streamComplete, request, callOptions);
    },
  };
}

/** What a reply says of itself: the answer, or that of its last message. */
export function ending({ messages }: Reply): CompleteResponse | undefined {
  const last = messages.at(-1);
  if (!last || !('sequence' in last)) return last;
  return last.event.case === 'completed' ? last.event.value : undefined;
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

export const streamed = ({ messages }: Reply): readonly StreamCompleteResponse[] =>
  messages as readonly StreamCompleteResponse[];
