import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Media,
  MediaSchema,
  type Message,
  MessageSchema,
  type Part,
  PartSchema,
  ReasoningEffort,
  ReasoningSchema,
  ReasoningTextSchema,
  ResponseFormatSchema,
  Role,
  type Tool,
  ToolCallSchema,
  ToolChoiceMode,
  ToolChoiceSchema,
  ToolResultSchema,
  ToolSchema,
} from '#gen/antiphon/v1/completion_pb.js';

/** One recorded exchange with a provider. The README of the recordings' folder says what the fields mean. */
export interface Exchange {
  readonly id: string;
  /** For example `openai` or `openai_compatible:groq`. */
  readonly provider: string;
  readonly endpoint: 'chat' | 'responses' | 'messages' | 'generate' | 'models';
  readonly mode: 'stream' | 'unary' | 'error';
  readonly model: string | null;
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly body: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly bodyText?: string;
    readonly chunkSizes?: readonly number[];
    readonly leadingWhitespace?: string;
  };
  readonly traits: readonly string[];
}

/** Where recorded traffic is; undefined: tests of it are skipped. */
export const recordingsDir: string | undefined = process.env.RECORDINGS_DIR || undefined;

/** The recordings that `filter` lets through, ordered by id. None if there is no folder. */
export function loadRecordings(filter: (exchange: Exchange) => boolean = () => true): Exchange[] {
  if (recordingsDir === undefined) return [];
  const files = readdirSync(recordingsDir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.json'),
  );
  const exchanges = files.map((file): Exchange => JSON.parse(readFileSync(join(recordingsDir, file), 'utf8')));
  return exchanges.filter(filter).sort((a, b) => a.id.localeCompare(b.id));
}

/** Chat completions of OpenAI and of servers that speak its format. */
export const isOpenAiChat = ({ provider, endpoint }: Exchange): boolean =>
  endpoint === 'chat' && (provider === 'openai' || provider.startsWith('openai_compatible:'));

/** The answer's body as it came, in the pieces in which it came where that is known. */
export function responseChunks({ response }: Exchange): Uint8Array[] {
  const { body, bodyText, chunkSizes, leadingWhitespace = '' } = response;
  const whole = Buffer.from(bodyText ?? leadingWhitespace + JSON.stringify(body));
  if (!chunkSizes) return [whole];
  let end = 0;
  return chunkSizes.map((size) => {
    end += size;
    return whole.subarray(end - size, end);
  });
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const jsonText = (value: unknown): string => (value === undefined || value === null ? '' : JSON.stringify(value));

/**
 * A recorded chat body as the request that a caller of the gateway would have sent, as faithfully as the contract can.
 * Fields that it has no place for go to `provider_options[provider]` if a provider is named, and are else left out;
 * files by id are left out.
 */
export function requestFromChatBody(body: unknown, provider = ''): CompleteRequest {
  const chat = object(body);
  const tools = [
    ...array(chat.tools),
    ...array(chat.functions).map((called) => ({ type: 'function', function: called })),
  ]
    .map(object)
    .filter(({ type }) => type === undefined || type === 'function')
    .map(({ function: called }) => toolFrom(object(called)));
  const options = Object.fromEntries(Object.entries(chat).filter(([key, value]) => value !== null && !placed.has(key)));
  const request = create(CompleteRequestSchema, {
    model: text(chat.model),
    messages: array(chat.messages).map((message) => messageFrom(object(message))),
    tools,
    providerOptions: provider === '' ? {} : { [provider]: options as JsonObject },
  });
  if (tools.length > 0) addChoice(request, chat);
  addSampling(request, chat);
  addFormat(request, object(chat.response_format));
  const effort = ReasoningEffort[text(chat.reasoning_effort).toUpperCase() as keyof typeof ReasoningEffort];
  if (effort !== undefined) request.reasoning = create(ReasoningSchema, { amount: { case: 'effort', value: effort } });
  return request;
}

/** Fields that the contract has a place for, or that decide how many answers come and in what form. */
const placed = new Set(
  `model messages tools functions tool_choice function_call parallel_tool_calls temperature top_p top_k max_tokens
  max_completion_tokens stop seed response_format reasoning_effort stream stream_options n`.split(/\s+/),
);

const roles: Readonly<Record<string, Role>> = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
};

function messageFrom(message: Json): Message {
  const role = roles[text(message.role)] ?? Role.UNSPECIFIED;
  const said = contentFrom(message.content);
  const content =
    role === Role.ASSISTANT
      ? assistantParts(message, said)
      : role === Role.TOOL
        ? [
            part({
              case: 'toolResult',
              value: create(ToolResultSchema, { toolCallId: text(message.tool_call_id), content: said }),
            }),
          ]
        : said;
  const none = part({ case: 'text', value: '(left out)' });
  return create(MessageSchema, { role, content: content.length > 0 ? content : [none] });
}

function assistantParts(message: Json, said: Part[]): Part[] {
  const reasoning = text(message.reasoning_content) || text(message.reasoning);
  const refusal = text(message.refusal);
  const calls = array(message.tool_calls).map(object);
  return [
    ...(reasoning ? [part({ case: 'reasoning', value: create(ReasoningTextSchema, { text: reasoning }) })] : []),
    ...said.filter((spoken) => spoken.part.case !== 'text' || spoken.part.value !== '' || calls.length === 0),
    ...(refusal ? [part({ case: 'refusal', value: refusal })] : []),
    ...calls.map(({ id, function: called }) => {
      const { name, arguments: given } = object(called);
      return part({
        case: 'toolCall',
        value: create(ToolCallSchema, { id: text(id), name: text(name), arguments: text(given) }),
      });
    }),
  ];
}

const part = (value: Part['part']): Part => create(PartSchema, { part: value });

function contentFrom(content: unknown): Part[] {
  if (typeof content === 'string') return [part({ case: 'text', value: content })];
  return array(content).map(object).flatMap(partFrom);
}

function partFrom(wire: Json): Part[] {
  switch (wire.type) {
    case 'text':
      return [part({ case: 'text', value: text(wire.text) })];
    case 'refusal':
      return [part({ case: 'refusal', value: text(wire.refusal) })];
    case 'image_url':
      return [part({ case: 'image', value: mediaFrom(text(object(wire.image_url).url), '') })];
    case 'input_audio': {
      const { data, format } = object(wire.input_audio);
      return [part({ case: 'audio', value: mediaFrom(`data:audio/${text(format)};base64,${text(data)}`, '') })];
    }
    case 'file': {
      const { file_data: data, filename } = object(wire.file);
      return data ? [part({ case: 'document', value: mediaFrom(text(data), text(filename)) })] : [];
    }
    default:
      return [];
  }
}

function mediaFrom(url: string, filename: string): Media {
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  if (mediaType === undefined || data === undefined)
    return create(MediaSchema, { source: { case: 'url', value: url }, filename });
  return create(MediaSchema, { source: { case: 'data', value: Buffer.from(data, 'base64') }, mediaType, filename });
}

const toolFrom = ({ name, description, parameters, strict }: Json): Tool =>
  create(ToolSchema, {
    name: text(name),
    description: text(description),
    parameters: jsonText(parameters),
    ...(typeof strict === 'boolean' ? { strict } : {}),
  });

const modes: Readonly<Record<string, ToolChoiceMode>> = {
  auto: ToolChoiceMode.AUTO,
  none: ToolChoiceMode.NONE,
  required: ToolChoiceMode.REQUIRED,
};

function addChoice(request: CompleteRequest, { tool_choice: wire, parallel_tool_calls: parallel }: Json): void {
  const mode = modes[text(wire)];
  const name = text(object(object(wire).function).name);
  if (typeof parallel === 'boolean') request.parallelToolCalls = parallel;
  if (mode !== undefined) request.toolChoice = create(ToolChoiceSchema, { choice: { case: 'mode', value: mode } });
  if (name !== '') request.toolChoice = create(ToolChoiceSchema, { choice: { case: 'name', value: name } });
}

function addSampling(request: CompleteRequest, chat: Json): void {
  const { temperature, top_p: topP, top_k: topK, seed, stop } = chat;
  const maxTokens = chat.max_completion_tokens ?? chat.max_tokens;
  if (typeof temperature === 'number') request.temperature = temperature;
  if (typeof topP === 'number') request.topP = topP;
  if (typeof topK === 'number') request.topK = topK;
  if (typeof seed === 'number') request.seed = BigInt(seed);
  if (typeof maxTokens === 'number') request.maxTokens = maxTokens;
  request.stop = typeof stop === 'string' ? [stop] : array(stop).map(text);
}

function addFormat(request: CompleteRequest, { type, json_schema: wire }: Json): void {
  if (type === 'json_object')
    request.responseFormat = create(ResponseFormatSchema, { format: { case: 'jsonObject', value: {} } });
  if (type !== 'json_schema') return;
  const { name, schema, strict, description } = object(wire);
  const value = {
    name: text(name) || 'answer',
    schema: jsonText(schema),
    description: text(description),
    ...(typeof strict === 'boolean' ? { strict } : {}),
  };
  request.responseFormat = create(ResponseFormatSchema, { format: { case: 'jsonSchema', value } });
}
