import { createHash, createHmac } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  type Part,
} from '#gen/antiphon/v1/completion_pb.js';
import type { ContextAction, Escalation } from '../core/policy.ts';
import type { Target } from '../core/target.ts';

type Field = Exclude<keyof CompleteRequest, '$typeName' | '$unknown'>;

/**
 * What of a request is in the key. `yes`: it can change the answer. `ordered`: the same, as JSON with its keys in order,
 * since a map has no order of its own. `no`: it cannot. A new field does not compile until it has a row.
 */
export const keyFields: Readonly<Record<Field, 'yes' | 'ordered' | 'no'>> = {
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
  // They say where a call goes: the model that it goes to is in the key itself.
  model: 'no',
  tier: 'no',
  complexity: 'no',
  preferredProviders: 'no',
  fallbackModels: 'no',
  requestType: 'no',
  // They say whose call it is, and how it is treated.
  context: 'no',
  labels: 'no',
  priority: 'no',
  idempotencyKey: 'no',
  onBrokenStream: 'no',
  cache: 'no',
  // The provider's own cache changes the cost of an answer, and nothing in it.
  promptCacheKey: 'no',
};

const answerFields = (Object.keys(keyFields) as Field[]).filter((field) => keyFields[field] === 'yes');

/** What an answer is found by. */
export interface Asked {
  /** As `tenantOf` gives it. */
  readonly tenant: string;
  /** The first target of the call. */
  readonly target: Target;
  /** Where the provider is: the models of another place are other models. */
  readonly place: string;
  /** What makes another model answer if the first answer is not good enough. */
  readonly escalation: Escalation | undefined;
  /** What is done if the request does not fit into the model's context. Undefined: nothing. */
  readonly context?: readonly ContextAction[];
  readonly request: CompleteRequest;
}

/** Raised when what is hashed changes, so that old answers are not found any more. */
const VERSION = 1;

/**
 * Makes the function that gives the key of a call: 43 characters. Two calls have the same key only if they come from the
 * same tenant, go to the same model and ask the same. With a secret, nobody without it can tell what a key stands for.
 */
export const cacheKeys =
  (secret: string | undefined): ((asked: Asked) => string) =>
  ({ tenant, target, place, escalation, context = [], request }) => {
    const { provider, model } = target;
    const judged = escalation ? [escalation.on, escalation.to.map((to) => [to.provider, to.model])] : [];
    const fitted = context.length > 0 ? [context] : [];
    const options = canonical(request.providerOptions);
    const hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
    hash.update(JSON.stringify([VERSION, tenant, provider, model, place, judged, options, ...fitted]));
    hash.update(toBinary(CompleteRequestSchema, answerPart(request), { writeUnknownFields: false }));
    return hash.digest('base64url');
  };

/** The request with nothing but what can change the answer. It shares its parts with the request. */
function answerPart(request: CompleteRequest): CompleteRequest {
  const part = create(CompleteRequestSchema);
  for (const field of answerFields) if (request[field] !== undefined) Object.assign(part, { [field]: request[field] });
  if (request.messages.some(hasHint)) part.messages = request.messages.map(withoutHints);
  return part;
}

const nested = ({ part }: Part): readonly Part[] => (part.case === 'toolResult' ? part.value.content : []);

const isHinted = (part: Part): boolean => part.promptCache !== undefined || nested(part).some(isHinted);

const hasHint = ({ content }: Message): boolean => content.some(isHinted);

/** Hints to a provider's own cache are as `promptCacheKey`. */
const withoutHints = (message: Message): Message => ({ ...message, content: message.content.map(withoutHint) });

function withoutHint({ promptCache: _, ...part }: Part): Part {
  if (part.part.case !== 'toolResult') return part;
  const { value } = part.part;
  return { ...part, part: { case: 'toolResult', value: { ...value, content: value.content.map(withoutHint) } } };
}

/** JSON, the same for equal values in whatever order their keys came. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
}
