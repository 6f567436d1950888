import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  type Part,
} from '#gen/antiphon/v1/completion_pb.js';

export type RequestField = Exclude<keyof CompleteRequest, '$typeName' | '$unknown'>;

/**
 * What of a request is in a digest. `yes`: it is. `ordered`: the same, as JSON with its keys in order, since a map has no
 * order of its own. `no`: it is not. A new field does not compile until it has a row in every table.
 */
export type RequestFields = Readonly<Record<RequestField, 'yes' | 'ordered' | 'no'>>;

/** What a model is asked: in every digest. */
export const questionFields = {
  messages: 'yes',
  temperature: 'yes',
  topP: 'yes',
  topK: 'yes',
  maxTokens: 'yes',
  stop: 'yes',
  seed: 'yes',
  tools: 'yes',
  toolChoice: 'yes',
  parallelToolCalls: 'yes',
  responseFormat: 'yes',
  reasoning: 'yes',
  providerOptions: 'ordered',
} as const satisfies Partial<RequestFields>;

/** The fields of one kind. */
export const fieldsThatAre = (fields: RequestFields, kind: 'yes' | 'ordered'): readonly RequestField[] =>
  (Object.keys(fields) as RequestField[]).filter((field) => fields[field] === kind);

/**
 * The request with nothing but these fields, and without hints to the provider's own cache, which change the cost of an
 * answer, and nothing in it. It shares its parts with the request.
 */
export function partOf(request: CompleteRequest, fields: readonly RequestField[]): CompleteRequest {
  const part = create(CompleteRequestSchema);
  for (const field of fields) copy(request, part, field);
  if (request.messages.some(hasHint)) part.messages = request.messages.map(withoutHints);
  return part;
}

function copy<Field extends RequestField>(from: CompleteRequest, to: CompleteRequest, field: Field): void {
  if (from[field] !== undefined) to[field] = from[field];
}

const nested = ({ part }: Part): readonly Part[] => (part.case === 'toolResult' ? part.value.content : []);

const isHinted = (part: Part): boolean => part.promptCache !== undefined || nested(part).some(isHinted);

const hasHint = ({ content }: Message): boolean => content.some(isHinted);

const withoutHints = (message: Message): Message => ({ ...message, content: message.content.map(withoutHint) });

function withoutHint({ promptCache: _, ...part }: Part): Part {
  if (part.part.case !== 'toolResult') return part;
  const { value } = part.part;
  return { ...part, part: { case: 'toolResult', value: { ...value, content: value.content.map(withoutHint) } } };
}

/** JSON, the same for equal values in whatever order their keys came. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
}
