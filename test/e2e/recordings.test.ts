import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompleteResponse, FinishReason, type Part, type Usage } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import { type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import {
  type Exchange,
  isOpenAiChat,
  loadRecordings,
  recordingsDir,
  requestFromChatBody,
  responseChunks,
} from '../support/recordings.ts';

/** What both sides make of one answer. */
interface Reading {
  readonly text: string;
  readonly refusal: string;
  readonly toolCalls: readonly { id: string; name: string; arguments: string }[];
  readonly finish: string;
  readonly usage: { input: number; output: number; total: number; cached: number; reasoning: number } | undefined;
}

let exchange: Exchange;
let server: Server;
let gateway: TestGateway;
let client: DoorClient;
let reference: OpenAI;

/** Answers whatever is asked with the recording of the moment, in the pieces in which it came. */
function replay(response: ServerResponse): void {
  const { status, headers } = exchange.response;
  const type = headers['content-type'] ?? (exchange.mode === 'stream' ? 'text/event-stream' : 'application/json');
  response.writeHead(status, { ...headers, 'content-type': type });
  for (const chunk of responseChunks(exchange)) response.write(chunk);
  response.end();
}

beforeAll(async () => {
  server = createServer((request, response) => request.on('end', () => replay(response)).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const file = `providers: { compat: { kind: openai_compatible, base_url: "${url}" } }`;
  const env = { OPENAI_API_KEY: 'sk-none-of-your-business', OPENAI_BASE_URL: url, ALLOWED_MODELS: '*' };
  gateway = await startGateway({ env, file });
  client = grpcClient(gateway.grpcPort);
  reference = new OpenAI({ apiKey: 'sk-x', baseURL: url, maxRetries: 0 });
});

afterAll(async () => {
  client.close();
  await gateway.close();
  server.close();
});

const { complete, streamComplete } = LlmService.method;

function request() {
  const provider = exchange.provider === 'openai' ? 'openai' : 'compat';
  const body = exchange.request.body ?? { messages: [{ role: 'user', content: 'hello' }] };
  const message = requestFromChatBody(body, provider);
  message.model = `${provider}/${exchange.model ?? 'model'}`;
  return message;
}

/** What the contract calls the provider's word for the end; a refusal is a content filter whatever the word. */
const finishes: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
  '': FinishReason.OTHER,
};

function readingOf(content: readonly Part[], { providerFinishReason, finishReason, usage }: CompleteResponse): Reading {
  const all = (kind: 'text' | 'refusal') =>
    content.flatMap(({ part }) => (part.case === kind ? [part.value] : [])).join('');
  const toolCalls = content.flatMap(({ part }) => {
    if (part.case !== 'toolCall') return [];
    const { id, name, arguments: text } = part.value;
    return [{ id, name, arguments: text }];
  });
  const refusal = all('refusal');
  expect(finishReason).toBe(refusal === '' ? finishes[providerFinishReason] : FinishReason.CONTENT_FILTER);
  return { text: all('text'), refusal, toolCalls, finish: providerFinishReason, usage: counts(usage) };
}

function counts(usage: Usage | undefined): Reading['usage'] {
  if (!usage || usage.estimated) return undefined;
  return {
    input: Number(usage.inputTokens),
    output: Number(usage.outputTokens),
    total: Number(usage.totalTokens),
    cached: Number(usage.cachedInputTokens),
    reasoning: Number(usage.reasoningTokens),
  };
}

async function unary(): Promise<{ reply: DoorReply<CompleteResponse>; reading: Reading | undefined }> {
  const reply = await client.unary(complete, request());
  const [answer] = reply.messages;
  return { reply, reading: answer && readingOf(answer.content, answer) };
}

async function streaming() {
  const reply = await client.stream(streamComplete, request());
  const fold = new Fold();
  for (const { event } of reply.messages) {
    if (event.case !== 'start' && event.case !== 'completed' && event.case !== undefined) fold.add(event);
  }
  const last = reply.messages.at(-1)?.event;
  if (last?.case !== 'completed') return { reply, reading: undefined };
  expect(checkEvents(reply.messages)).toBeUndefined();
  return { reply, reading: readingOf(fold.parts, last.value) };
}

/** What the official client makes of the same bytes: a reading, or the error that it throws. */
async function official(): Promise<Reading | Error> {
  const body = { ...(exchange.request.body as OpenAI.ChatCompletionCreateParamsNonStreaming) };
  try {
    if (exchange.mode !== 'stream')
      return officialReading(await reference.chat.completions.create({ ...body, stream: false }));
    const stream = reference.chat.completions.stream({ ...body, stream: true });
    return officialReading(await stream.finalChatCompletion());
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message.startsWith('missing role') ? withoutRole(body) : error;
  }
}

/** Its accumulator insists on a role in the first chunk, which some servers leave out; its plain stream does not. */
async function withoutRole(body: OpenAI.ChatCompletionCreateParamsNonStreaming): Promise<Reading> {
  const reading = { text: '', refusal: '', toolCalls: [], finish: '', usage: undefined as Reading['usage'] };
  for await (const chunk of await reference.chat.completions.create({ ...body, stream: true })) {
    expect(chunk.choices[0]?.delta.tool_calls ?? []).toEqual([]);
    reading.text += chunk.choices[0]?.delta.content ?? '';
    reading.finish = chunk.choices[0]?.finish_reason ?? reading.finish;
    reading.usage = officialCounts(chunk.usage ?? undefined) ?? reading.usage;
  }
  return reading;
}

function officialCounts(usage: OpenAI.CompletionUsage | undefined): Reading['usage'] {
  return (
    usage && {
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      total: usage.total_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    }
  );
}

function officialReading({ choices: [choice], usage }: OpenAI.ChatCompletion): Reading {
  const calls = choice?.message.tool_calls ?? [];
  return {
    text: choice?.message.content ?? '',
    refusal: choice?.message.refusal ?? '',
    toolCalls: calls.flatMap((call) =>
      call.type === 'function' ? [{ id: call.id, name: call.function.name, arguments: call.function.arguments }] : [],
    ),
    finish: choice?.finish_reason ?? '',
    usage: officialCounts(usage),
  };
}

/** The official client's class of error for each reason that stands for an answer of the provider. */
const classes: Readonly<Record<string, readonly string[]>> = {
  UPSTREAM_REJECTED: ['BadRequestError', 'UnprocessableEntityError'],
  CONTEXT_LENGTH_EXCEEDED: ['BadRequestError'],
  UPSTREAM_AUTH: ['AuthenticationError', 'PermissionDeniedError'],
  UPSTREAM_NOT_FOUND: ['NotFoundError'],
  UPSTREAM_RATE_LIMITED: ['RateLimitError'],
  UPSTREAM_BILLING: ['RateLimitError'],
  UPSTREAM_ERROR: ['InternalServerError'],
  UPSTREAM_OVERLOADED: ['InternalServerError'],
};

function sameFailure(expected: Error, { error }: DoorReply<unknown>): void {
  const reason = error?.errorInfo?.reason ?? 'none';
  if (!(expected instanceof APIError)) {
    // Not a failure of the provider's but of the answer: it never said why it ended.
    expect(expected.message).toMatch(/^missing finish_reason/);
    return expect(reason).toBe('UPSTREAM_INCOMPLETE');
  }
  // An error in the middle of a stream has no status, and the client no class for it.
  if (expected.status === undefined) return expect(reason).toBe('UPSTREAM_REJECTED');
  expect(classes[reason]).toContain(expected.constructor.name);
  expect(error?.errorInfo?.metadata.upstream_status).toBe(String(expected.status));
}

/** Where the gateway is meant to differ from the official client, and how. */
const differences: Readonly<Record<string, { because: string; apply(reading: Reading, ours: Reading): Reading }>> = {
  'gemini-chat-unary-tool-calls-0001': {
    because: 'a tool call without an id gets one, so that its result can be sent',
    apply: (reading) => ({ ...reading, toolCalls: reading.toolCalls.map((call, i) => ({ ...call, id: `call_${i}` })) }),
  },
  'openai-chat-unary-legacy-functions-0001': {
    because: 'the old function_call is a tool call in the contract',
    apply: (reading, { toolCalls }) => {
      expect(toolCalls).toMatchObject([{ id: 'call_0', name: 'Joke' }]);
      return { ...reading, toolCalls };
    },
  },
  'mistral-chat-stream-reasoning-0001': {
    because: 'the client appends content that is a list as "[object Object]"',
    apply: (reading, ours) => {
      const rest = reading.text.split('[object Object]').at(-1) ?? '';
      expect(rest).not.toBe('');
      expect(ours.text.endsWith(rest)).toBe(true);
      return { ...reading, text: ours.text };
    },
  },
};

const exchanges = loadRecordings(isOpenAiChat);

describe.skipIf(recordingsDir === undefined)('recorded traffic, against the official client', () => {
  it.each(exchanges.map((one) => [one.id, one] as const))('%s', async (_, one) => {
    exchange = one;
    const expected = await official();
    const first = await unary();
    const second = await streaming();
    if (expected instanceof Error) {
      sameFailure(expected, first.reply);
      return sameFailure(expected, second.reply);
    }
    for (const { reply, reading } of [first, second]) {
      expect(reply.error).toBeUndefined();
      if (!reading) expect.fail('the answer is not whole');
      expect(reading).toEqual(differences[one.id]?.apply(expected, reading) ?? expected);
    }
  });

  it('was found', () => {
    expect(exchanges.length).toBeGreaterThan(90);
  });
});

if (recordingsDir === undefined)
  process.stderr.write('RECORDINGS_DIR is not set: the tests over recorded traffic are skipped.\n');
