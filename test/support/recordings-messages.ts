import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Media,
  type Message,
  type Part,
  PromptCacheHintSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { duration } from '../../src/core/duration.ts';
import {
  callPart,
  choiceModes,
  type Json,
  jsonText,
  mediaFrom,
  mediaOf,
  mediaPart,
  message,
  object,
  objects,
  part,
  type RecordedTarget,
  reasoningPart,
  resultPart,
  setBudget,
  setChoice,
  setEffort,
  setJsonSchema,
  setSampling,
  stateOf,
  text,
  textPart,
  toolOf,
} from './recordings-json.ts';

/**
 * A recorded body of Anthropic's Messages API as a request of the contract. Tools that the provider defines or runs
 * itself, and what they gave in earlier turns, have no place in it and are left out; other fields without a place go to
 * `provider_options`.
 */
export function requestFromMessagesBody(body: unknown, target: RecordedTarget): CompleteRequest {
  const wire = object(body);
  const system = blocks(wire.system).flatMap((block) => partFrom(block, target));
  const tools = objects(wire.tools).filter(({ input_schema: schema }) => schema !== undefined);
  const options = Object.fromEntries(Object.entries(wire).filter(([key, value]) => value !== null && !placed.has(key)));
  const request = create(CompleteRequestSchema, {
    model: `${target.provider}/${target.model}`,
    messages: [
      ...(system.length > 0 ? [message(Role.SYSTEM, system)] : []),
      ...objects(wire.messages).flatMap((one) => messagesFrom(one, target)),
    ],
    tools: tools.map((tool) => toolOf(tool, tool.input_schema)),
    providerOptions: { [target.provider]: options as JsonObject },
  });
  addChoice(request, object(wire.tool_choice));
  const { top_p: topP, top_k: topK, max_tokens: maxTokens, stop_sequences: stop } = wire;
  setSampling(request, { temperature: wire.temperature, topP, topK, maxTokens, stop });
  setEffort(request, object(wire.output_config).effort);
  setBudget(request, object(wire.thinking).budget_tokens);
  const format = object(wire.output_format ?? object(wire.output_config).format);
  if (format.type === 'json_schema') setJsonSchema(request, format);
  return request;
}

/** Fields that the contract has a place for, that decide the form of the answer, or that only a beta takes. */
const placed = new Set(
  `model messages system tools tool_choice temperature top_p top_k max_tokens stop_sequences thinking output_config
  output_format stream container cache_control`.split(/\s+/),
);

const blocks = (content: unknown): Json[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content);

const roles: Readonly<Record<string, Role>> = { system: Role.SYSTEM, user: Role.USER, assistant: Role.ASSISTANT };

/** Tool results stand in a message of their own here, and in the user's there. */
function messagesFrom({ role: word, content }: Json, target: RecordedTarget): Message[] {
  const role = roles[text(word)] ?? Role.UNSPECIFIED;
  const parts = blocks(content).flatMap((block) => partFrom(block, target));
  const results = parts.filter((one) => one.part.case === 'toolResult');
  const rest = parts.filter((one) => one.part.case !== 'toolResult');
  return [
    ...(results.length > 0 ? [message(Role.TOOL, results)] : []),
    ...(rest.length > 0 || results.length === 0 ? [message(role, rest)] : []),
  ];
}

function partFrom(block: Json, target: RecordedTarget): Part[] {
  const parts = bare(block, target);
  const hint = object(block.cache_control);
  const last = parts.at(-1);
  if (last && hint.type === 'ephemeral') last.promptCache = create(PromptCacheHintSchema, ttlOf(text(hint.ttl)));
  return parts;
}

const ttlOf = (word: string) => (word === '' ? {} : { ttl: duration(word === '1h' ? 3_600_000 : 300_000) });

function bare(block: Json, target: RecordedTarget): Part[] {
  switch (block.type) {
    case 'text':
      return [textPart(text(block.text))];
    case 'search_result':
      return blocks(block.content).flatMap((inner) => partFrom(inner, target));
    case 'image':
    case 'document':
      return mediaFromSource(object(block.source), block.type);
    case 'thinking':
      return [reasoningPart(text(block.thinking), stateOf(target, { signature: text(block.signature) }))];
    case 'redacted_thinking':
      return [reasoningPart('', stateOf(target, { redacted: text(block.data) }))];
    case 'tool_use':
      return [callPart(text(block.id), text(block.name), jsonText(block.input))];
    case 'tool_result': {
      const content = blocks(block.content).flatMap((inner) => partFrom(inner, target));
      return [resultPart(text(block.tool_use_id), content, block.is_error === true)];
    }
    default:
      return [];
  }
}

function mediaFromSource({ type, media_type: mediaType, data, url }: Json, kind: string): Part[] {
  const as = (value: Media) => [kind === 'image' ? part({ case: 'image', value }) : mediaPart(value)];
  if (type === 'base64') return as(mediaOf(text(data), text(mediaType)));
  return type === 'url' ? as(mediaFrom(text(url))) : [];
}

function addChoice(request: CompleteRequest, { type, name, disable_parallel_tool_use: single }: Json): void {
  setChoice(request, choiceModes[text(type)], text(name));
  if (single === true && request.tools.length > 0) request.parallelToolCalls = false;
}
