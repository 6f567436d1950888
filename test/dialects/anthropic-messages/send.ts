import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import type { AnthropicMessagesQuirks } from '../../../src/dialects/anthropic-messages/quirks.ts';
import { toWire } from '../../../src/dialects/anthropic-messages/request.ts';

/** A request's fields. */
export type Init = MessageInitShape<typeof CompleteRequestSchema>;
export type Messages = NonNullable<Init['messages']>;
export type Parts = NonNullable<Messages[number]['content']>;
export type Quirks = Partial<AnthropicMessagesQuirks>;

/** A model that takes everything. */
const quirks: AnthropicMessagesQuirks = {
  defaultMaxTokens: 20_000,
  mostTokens: 20_000,
  sampling: 'both',
  efforts: ['low', 'medium', 'high'],
  budget: true,
  withoutThinking: 'disabled',
  forcedTools: true,
  prefill: true,
  jsonSchema: true,
  systemMessages: true,
};

const target = { provider: 'here', model: 'm' };

export const text = (value: string): Parts[number] => ({ part: { case: 'text', value } });
export const call = (id: string, args = '{}'): Parts[number] => ({
  part: { case: 'toolCall', value: { id, name: 'f', arguments: args } },
});
export const result = (toolCallId: string, content: Parts, isError = false): Parts[number] => ({
  part: { case: 'toolResult', value: { toolCallId, content, isError } },
});

export const user = (...content: Parts): Messages[number] => ({ role: Role.USER, content });
export const assistant = (...content: Parts): Messages[number] => ({ role: Role.ASSISTANT, content });
export const system = (...content: Parts): Messages[number] => ({ role: Role.SYSTEM, content });
export const tool = (...content: Parts): Messages[number] => ({ role: Role.TOOL, content });

/** The wire request of `Hello` with these fields. */
export const wire = (init: Init, changed: Quirks = {}, stream = false) =>
  toWire(create(CompleteRequestSchema, { messages: [user(text('Hello'))], ...init } as Init), target, stream, {
    ...quirks,
    ...changed,
  });

/** What the request adds to the plainest body, or changes of it. */
export function added(init: Init, changed: Quirks = {}, stream = false): JsonObject {
  const { model: _, messages: __, max_tokens: tokens, ...rest } = wire(init, changed, stream).body;
  return tokens === quirks.defaultMaxTokens ? rest : { max_tokens: tokens ?? null, ...rest };
}

/** The fields that warnings are about. */
export const warned = (init: Init, changed: Quirks = {}): string[] =>
  wire(init, changed).warnings.map(({ field }) => field);

/** The messages that these become, in short: the role and the blocks. */
export const sent = (messages: Messages, changed: Quirks = {}) => wire({ messages }, changed).body.messages;

/** The kind and the fields of the GatewayError that it fails with; undefined if it does not. */
export const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return [thrown.kind, thrown.facts.violations?.map(({ field }) => field)];
  }
  return undefined;
};
