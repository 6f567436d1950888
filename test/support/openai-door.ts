import { create, type DescMethod, fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  CallFailureSchema,
  CompleteRequestSchema,
  CompleteResponseSchema,
  type Message,
  type Part,
  Role,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { type ListModelsResponse, ListModelsResponseSchema } from '#gen/antiphon/v1/model_pb.js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.js';
import { type ErrorRule, errorKinds, errorRule } from '../../src/core/errors.ts';
import type { CallOptions, DoorClient, DoorError } from './doors.ts';
import { jsonOf } from './json-of.ts';

type Init = MessageInitShape<typeof CompleteRequestSchema>;

const roles: Readonly<Record<number, string>> = {
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
};

/** A request of the contract as OpenAI's clients would write it. What this does not know is left out. */
export function chatBody(init: Init): Record<string, unknown> {
  const request = create(CompleteRequestSchema, init);
  const { toolChoice, providerOptions, idempotencyKey, fallbackModels, temperature, topP, topK, maxTokens } = request;
  const antiphon = {
    ...(Object.keys(providerOptions).length > 0 ? { provider_options: providerOptions } : {}),
    ...(idempotencyKey ? { idempotency_key: idempotencyKey } : {}),
    ...(fallbackModels.length > 0 ? { fallback_models: fallbackModels } : {}),
  };
  const tools = request.tools.map(({ name, parameters }) => ({
    type: 'function',
    function: { name, parameters: JSON.parse(parameters || '{}') },
  }));
  return {
    model: request.model,
    messages: request.messages.flatMap(chatMessages),
    temperature,
    top_p: topP,
    top_k: topK,
    max_tokens: maxTokens,
    ...(tools.length > 0 ? { tools } : {}),
    ...(toolChoice?.choice.case === 'name'
      ? { tool_choice: { type: 'function', function: { name: toolChoice.choice.value } } }
      : {}),
    ...(Object.keys(antiphon).length > 0 ? { antiphon } : {}),
  };
}

/** Each result of a tool is a message of its own. */
function chatMessages({ role, content }: Message): Record<string, unknown>[] {
  const results = content.flatMap(({ part }) => (part.case === 'toolResult' ? [part.value] : []));
  if (results.length > 0)
    return results.map((result) => ({
      role: 'tool',
      tool_call_id: result.toolCallId,
      content: result.content.map(chatPart),
    }));
  return [{ role: roles[role], content: content.map(chatPart) }];
}

function chatPart({ part }: Part): Record<string, unknown> {
  if (part.case === 'text') return { type: 'text', text: part.value };
  if (part.case === 'image' && part.value.source.case === 'url')
    return { type: 'image_url', image_url: { url: part.value.source.value } };
  throw new Error(`no such part in these tests: ${part.case}`);
}

/** The details of a failure, as the doors of plain HTTP tell them. */
export interface WireFacts {
  readonly reason: string;
  readonly metadata?: Record<string, string> | undefined;
  readonly fieldViolations?: { field: string; description: string }[] | undefined;
  readonly callFailure?: JsonValue | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The same failure as through the other doors; the code is that of its reason. */
export function doorErrorOf(message: string, facts: WireFacts, headers: Headers): DoorError {
  const { reason, metadata = {}, fieldViolations, callFailure, retryAfterMs } = facts;
  return {
    code: ruleOf(reason).code,
    message,
    errorInfo: create(ErrorInfoSchema, { reason, domain: 'antiphon.v1', metadata }),
    badRequest: fieldViolations && create(BadRequestSchema, { fieldViolations }),
    retryInfo:
      retryAfterMs === undefined ? undefined : create(RetryInfoSchema, { retryDelay: durationFromMs(retryAfterMs) }),
    callFailure: callFailure === undefined ? undefined : fromJson(CallFailureSchema, callFailure),
    detailCount: 0,
    metadata: Object.fromEntries(headers),
  };
}

export function ruleOf(reason: string): ErrorRule {
  const kind = errorKinds.find((one) => ErrorReason[errorRule(one).reason] === reason);
  if (!kind) throw new Error(`no such reason: ${reason}`);
  return errorRule(kind);
}

// biome-ignore lint/suspicious/noExplicitAny: what comes over the wire
type Wire = any;

function failureFrom({ error: { message, antiphon } }: Wire, { headers, status }: Response): DoorError {
  const { reason, metadata, field_violations: fieldViolations, call_failure: callFailure } = antiphon;
  if (status !== 200 && status !== ruleOf(reason).http) throw new Error(`${reason} came with ${status}`);
  const wait = headers.get('retry-after-ms');
  const retryAfterMs = wait === null ? undefined : Number(wait);
  return doorErrorOf(message, { reason, metadata, fieldViolations, callFailure, retryAfterMs }, headers);
}

type Options = CallOptions<never>;

/** Calls the chat completions and the list of models of OpenAI's format with what the contract would say. */
export function openAiDoor(port: number): DoorClient {
  const at = `http://127.0.0.1:${port}/v1`;
  const post = (init: Init, stream: boolean, { headers = {}, signal }: Options) =>
    fetch(`${at}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ...chatBody(init), stream }),
      ...(signal ? { signal } : {}),
    });
  const failed = async (response: Response) => ({
    messages: [],
    headers: Object.fromEntries(response.headers),
    error: failureFrom(await jsonOf(response), response),
  });
  const unary = async (method: DescMethod, init: Init, options: Options = {}) => {
    const isList = method.name === 'ListModels';
    const response = isList ? await fetch(`${at}/models`) : await post(init, false, options);
    if (!response.ok) return failed(response);
    const body = await jsonOf(response);
    const headers = Object.fromEntries(response.headers);
    return { messages: [isList ? listFrom(body) : answerFrom(body, headers)], headers, error: undefined };
  };
  const stream = async (_: DescMethod, init: Init, options: Options = {}) => {
    const response = await post(init, true, options);
    if (!response.ok) return failed(response);
    const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: '));
    const isWhole = events.at(-1) === 'data: [DONE]';
    const chunks = events.slice(0, isWhole ? -1 : undefined).map((event) => JSON.parse(event.slice(6)));
    const last = chunks.at(-1);
    const error = last && 'error' in last ? failureFrom(last, response) : undefined;
    if (isWhole === (error !== undefined)) throw new Error('the stream must end whole, or with an error');
    return {
      messages: messagesFrom(error ? chunks.slice(0, -1) : chunks),
      headers: Object.fromEntries(response.headers),
      error,
    };
  };
  return { unary, stream, close: () => undefined } as unknown as DoorClient;
}

const listFrom = ({ data }: Wire): ListModelsResponse =>
  create(ListModelsResponseSchema, {
    models: data.map(({ id, owned_by: provider }: Wire) => ({
      provider,
      id: id.slice(provider.length + 1),
      allowed: true,
    })),
  });

function answerFrom({ choices: [{ message }], antiphon, model }: Wire, headers: Record<string, string>) {
  const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }: Wire) => ({
    part: { case: 'toolCall', value: { id, name, arguments: given } },
  }));
  const text = message.content ? [{ part: { case: 'text', value: message.content } }] : [];
  if (model !== `${antiphon.provider}/${antiphon.model}`) throw new Error('the names of the model differ');
  return create(CompleteResponseSchema, {
    content: [...text, ...calls],
    provider: antiphon.provider,
    context: {
      traceId: headers['x-trace-id'] ?? '',
      sourceAgent: headers['x-source-agent'] ?? '',
      sessionId: headers['x-session-id'] ?? '',
    },
  });
}

/** The chunks as the messages of the contract that they were made of. */
function messagesFrom(chunks: readonly Wire[]): StreamCompleteResponse[] {
  const messages: StreamCompleteResponse[] = [];
  const add = (event: Wire) =>
    messages.push(create(StreamCompleteResponseSchema, { sequence: BigInt(messages.length), event }));
  for (const { id, choices } of chunks) {
    const [{ delta, finish_reason: finish }] = choices;
    if (delta.role) add({ case: 'start', value: { id } });
    if (delta.content) add({ case: 'textDelta', value: { text: delta.content } });
    for (const { index, id: callId = '', function: called } of delta.tool_calls ?? [])
      add({
        case: 'toolCallDelta',
        value: { index, id: callId, name: called.name ?? '', argumentsDelta: called.arguments },
      });
    if (finish) add({ case: 'completed', value: { providerFinishReason: finish } });
  }
  return messages;
}
