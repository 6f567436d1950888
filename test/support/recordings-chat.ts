import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  type Part,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import {
  array,
  callPart,
  choiceModes,
  type Json,
  mediaFrom,
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
  setJsonObject,
  setJsonSchema,
  setSampling,
  text,
  textPart,
  toolOf,
} from './recordings-json.ts';

/**
 * A recorded chat body as the request that a caller of the gateway would have sent, as faithfully as the contract can.
 * Fields that it has no place for go to `provider_options`; files by id are left out.
 */
export function requestFromChatBody(body: unknown, { provider, model }: RecordedTarget): CompleteRequest {
  const chat = object(body);
  const functions = array(chat.functions).map((called) => ({ type: 'function', function: called }));
  const tools = [...objects(chat.tools), ...functions.map(object)]
    .filter(({ type }) => type === undefined || type === 'function')
    .map(({ function: called }) => toolOf(object(called), object(called).parameters));
  const options = Object.fromEntries(Object.entries(chat).filter(([key, value]) => value !== null && !placed.has(key)));
  const request = create(CompleteRequestSchema, {
    model: `${provider}/${model}`,
    messages: objects(chat.messages).map(messageFrom),
    tools,
    providerOptions: { [provider]: options as JsonObject },
  });
  addChoice(request, chat);
  setSampling(request, { ...chat, topP: chat.top_p, topK: chat.top_k, maxTokens: maxTokensOf(chat) });
  addFormat(request, object(chat.response_format));
  setEffort(request, chat.reasoning_effort ?? object(chat.reasoning).effort);
  setBudget(request, object(chat.reasoning).max_tokens);
  return request;
}

const maxTokensOf = ({ max_completion_tokens: most, max_tokens: older }: Json): unknown => most ?? older;

/** Fields that the contract has a place for, or that decide how many answers come and in what form. */
const placed = new Set(
  `model messages tools functions tool_choice function_call parallel_tool_calls temperature top_p top_k max_tokens
  max_completion_tokens stop seed response_format reasoning_effort reasoning stream stream_options n usage`.split(
    /\s+/,
  ),
);

const roles: Readonly<Record<string, Role>> = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
};

function messageFrom(chat: Json): Message {
  const role = roles[text(chat.role)] ?? Role.UNSPECIFIED;
  const said = contentFrom(chat.content);
  if (role === Role.ASSISTANT) return message(role, assistantParts(chat, said));
  return message(role, role === Role.TOOL ? [resultPart(text(chat.tool_call_id), said)] : said);
}

function assistantParts(chat: Json, said: readonly Part[]): Part[] {
  const reasoning = text(chat.reasoning_content) || text(chat.reasoning);
  const refusal = text(chat.refusal);
  const calls = objects(chat.tool_calls);
  return [
    ...(reasoning ? [reasoningPart(reasoning)] : []),
    ...said.filter((spoken) => spoken.part.case !== 'text' || spoken.part.value !== '' || calls.length === 0),
    ...(refusal ? [part({ case: 'refusal', value: refusal })] : []),
    ...calls.map(({ id, function: called }) => {
      const { name, arguments: given } = object(called);
      return callPart(text(id), text(name), text(given));
    }),
  ];
}

const contentFrom = (content: unknown): Part[] =>
  typeof content === 'string' ? [textPart(content)] : objects(content).flatMap(partFrom);

function partFrom(wire: Json): Part[] {
  switch (wire.type) {
    case 'text':
      return [textPart(text(wire.text))];
    case 'refusal':
      return [part({ case: 'refusal', value: text(wire.refusal) })];
    case 'image_url':
      return [part({ case: 'image', value: mediaFrom(text(object(wire.image_url).url)) })];
    case 'input_audio': {
      const { data, format } = object(wire.input_audio);
      return [part({ case: 'audio', value: mediaFrom(`data:audio/${text(format)};base64,${text(data)}`) })];
    }
    case 'file': {
      const { file_data: data, filename } = object(wire.file);
      return data ? [part({ case: 'document', value: mediaFrom(text(data), text(filename)) })] : [];
    }
    default:
      return [];
  }
}

function addChoice(request: CompleteRequest, { tool_choice: wire, parallel_tool_calls: parallel }: Json): void {
  setChoice(request, choiceModes[text(wire)], text(object(object(wire).function).name));
  if (typeof parallel === 'boolean' && request.tools.length > 0) request.parallelToolCalls = parallel;
}

function addFormat(request: CompleteRequest, { type, json_schema: wire }: Json): void {
  if (type === 'json_object') setJsonObject(request);
  if (type === 'json_schema') setJsonSchema(request, object(wire));
}
