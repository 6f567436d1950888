import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { efforts } from '../../../src/dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../../../src/dialects/openai-chat/quirks.ts';
import { toWire } from '../../../src/dialects/openai-chat/request.ts';

/** A request's fields. */
export type Init = MessageInitShape<typeof CompleteRequestSchema>;
export type Parts = NonNullable<NonNullable<Init['messages']>[number]['content']>;

/** A server that takes everything but top_k and earlier reasoning. */
const quirks: OpenAiChatQuirks = {
  useInstead: undefined,
  maxTokensField: 'max_tokens',
  instructions: 'system',
  streamUsage: true,
  obfuscation: false,
  jsonSchema: true,
  efforts,
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 4,
  topK: false,
  maxToolCallId: 40,
  replayReasoning: false,
  replayReasoningDetails: false,
};

const target = { provider: 'here', model: 'm' };
const hello: Init = { messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'Hello' } }] }] };

/** The wire request of `Hello` with these fields. */
export const wire = (init: Init, changed: Partial<OpenAiChatQuirks> = {}, stream = false) =>
  toWire(create(CompleteRequestSchema, { ...hello, ...init } as Init), target, stream, { ...quirks, ...changed });

/** What the request adds to the plainest body. */
export function added(init: Init, changed: Partial<OpenAiChatQuirks> = {}, stream = false): JsonObject {
  const { model: _, messages: __, ...rest } = wire(init, changed, stream).body;
  return rest;
}

/** The fields that warnings are about. */
export const warned = (init: Init, changed: Partial<OpenAiChatQuirks> = {}): string[] =>
  wire(init, changed).warnings.map(({ field }) => field);

/** The messages that one message becomes. */
export const sent = (role: Role, content: Parts, changed: Partial<OpenAiChatQuirks> = {}) =>
  wire({ messages: [{ role, content }] }, changed).body.messages;

/** The kind and the fields of the GatewayError that it fails with; undefined if it does not. */
export const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return [thrown.kind, thrown.facts.violations?.map(({ field }) => field)];
  }
  return undefined;
};

export const text = (value: string): Parts[number] => ({ part: { case: 'text', value } });
