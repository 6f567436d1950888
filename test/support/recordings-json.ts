import { Buffer } from 'node:buffer';
import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  type Media,
  MediaSchema,
  type Message,
  MessageSchema,
  type Part,
  PartSchema,
  type ProviderState,
  ProviderStateSchema,
  ReasoningEffort,
  ReasoningSchema,
  ReasoningTextSchema,
  ResponseFormatSchema,
  type Role,
  type Tool,
  ToolCallSchema,
  ToolChoiceMode,
  ToolChoiceSchema,
  ToolResultSchema,
  ToolSchema,
} from '#gen/antiphon/v1/completion_pb.js';

/** Anything between braces in a recorded request. */
export type Json = Record<string, unknown>;

export const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const objects = (value: unknown): Json[] => array(value).map(object);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const jsonText = (value: unknown): string =>
  value === undefined || value === null ? '' : JSON.stringify(value);

/** A recorded request is made for a provider under this name, and a model. */
export interface RecordedTarget {
  readonly provider: string;
  readonly model: string;
}

export const part = (value: Part['part'], providerState?: ProviderState): Part =>
  create(PartSchema, { part: value, ...(providerState ? { providerState } : {}) });

export const textPart = (value: string, state?: ProviderState): Part => part({ case: 'text', value }, state);

export const reasoningPart = (words: string, state?: ProviderState): Part =>
  part({ case: 'reasoning', value: create(ReasoningTextSchema, { text: words }) }, state);

export const callPart = (id: string, name: string, given: string, state?: ProviderState): Part =>
  part({ case: 'toolCall', value: create(ToolCallSchema, { id, name, arguments: given }) }, state);

export const resultPart = (toolCallId: string, content: readonly Part[], isError = false): Part =>
  part({ case: 'toolResult', value: create(ToolResultSchema, { toolCallId, content: [...content], isError }) });

/** What the gateway keeps of a provider's own data with a part: the text of a JSON object. */
export const stateOf = ({ provider, model }: RecordedTarget, state: Json): ProviderState =>
  create(ProviderStateSchema, { provider, model, data: Buffer.from(JSON.stringify(state)) });

/** A message cannot be empty. What stands for content that the contract has no place for says so. */
export const message = (role: Role, content: readonly Part[]): Message =>
  create(MessageSchema, { role, content: content.length > 0 ? [...content] : [textPart('(left out)')] });

export function mediaFrom(url: string, filename = ''): Media {
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  return mediaType === undefined || data === undefined
    ? create(MediaSchema, { source: { case: 'url', value: url }, filename })
    : mediaOf(data, mediaType, filename);
}

export const mediaOf = (data: string, mediaType: string, filename = ''): Media =>
  create(MediaSchema, { source: { case: 'data', value: Buffer.from(data, 'base64') }, mediaType, filename });

/** Media as the kind of part that its type says. */
export function mediaPart(media: Media): Part {
  const [kind] = media.mediaType.split('/');
  if (kind === 'image') return part({ case: 'image', value: media });
  return kind === 'audio' ? part({ case: 'audio', value: media }) : part({ case: 'document', value: media });
}

export const toolOf = ({ name, description, strict }: Json, parameters: unknown): Tool =>
  create(ToolSchema, {
    name: text(name),
    description: text(description),
    parameters: jsonText(parameters),
    ...(typeof strict === 'boolean' ? { strict } : {}),
  });

export function setChoice(request: CompleteRequest, mode: ToolChoiceMode | undefined, name = ''): void {
  if (request.tools.length === 0) return;
  if (mode !== undefined) request.toolChoice = create(ToolChoiceSchema, { choice: { case: 'mode', value: mode } });
  if (request.tools.some((tool) => tool.name === name))
    request.toolChoice = create(ToolChoiceSchema, { choice: { case: 'name', value: name } });
}

/** The words in which any of the providers says whether tools must be called. */
export const choiceModes: Readonly<Record<string, ToolChoiceMode>> = {
  auto: ToolChoiceMode.AUTO,
  none: ToolChoiceMode.NONE,
  required: ToolChoiceMode.REQUIRED,
  any: ToolChoiceMode.REQUIRED,
};

export interface Sampling {
  readonly temperature?: unknown;
  readonly topP?: unknown;
  readonly topK?: unknown;
  readonly seed?: unknown;
  readonly maxTokens?: unknown;
  readonly stop?: unknown;
}

export function setSampling(request: CompleteRequest, given: Sampling): void {
  const { temperature, topP, topK, seed, maxTokens, stop } = given;
  if (typeof temperature === 'number') request.temperature = temperature;
  if (typeof topP === 'number') request.topP = topP;
  if (typeof topK === 'number') request.topK = topK;
  if (typeof seed === 'number') request.seed = BigInt(seed);
  if (typeof maxTokens === 'number') request.maxTokens = maxTokens;
  request.stop = typeof stop === 'string' ? [stop] : array(stop).map(text);
}

export function setEffort(request: CompleteRequest, word: unknown): void {
  const effort = ReasoningEffort[text(word).toUpperCase() as keyof typeof ReasoningEffort];
  if (effort !== undefined) request.reasoning = create(ReasoningSchema, { amount: { case: 'effort', value: effort } });
}

export function setBudget(request: CompleteRequest, tokens: unknown): void {
  if (typeof tokens === 'number' && tokens > 0)
    request.reasoning = create(ReasoningSchema, { amount: { case: 'budgetTokens', value: tokens } });
}

export function setJsonObject(request: CompleteRequest): void {
  request.responseFormat = create(ResponseFormatSchema, { format: { case: 'jsonObject', value: {} } });
}

export function setJsonSchema(request: CompleteRequest, { name, schema, strict, description }: Json): void {
  const value = {
    name: text(name) || 'answer',
    schema: jsonText(schema),
    description: text(description),
    ...(typeof strict === 'boolean' ? { strict } : {}),
  };
  request.responseFormat = create(ResponseFormatSchema, { format: { case: 'jsonSchema', value } });
}
