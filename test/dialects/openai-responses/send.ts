import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { CompleteRequestSchema, type PartSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { efforts } from '../../../src/dialects/grammar/efforts.ts';
import type { OpenAiResponsesQuirks } from '../../../src/dialects/openai-responses/quirks.ts';
import { toWire } from '../../../src/dialects/openai-responses/request.ts';
import { isJsonObject } from '../../../src/wire/json.ts';

/** A request's fields. */
export type Init = Extract<MessageInitShape<typeof CompleteRequestSchema>, { $typeName?: never }>;
export type PartInit = Extract<MessageInitShape<typeof PartSchema>, { $typeName?: never }>;

/** A model that takes everything. */
const quirks: OpenAiResponsesQuirks = {
  instructions: 'developer',
  reasons: true,
  efforts,
  sampling: 'always',
  cacheBreakpoints: true,
};

export const target = { provider: 'here', model: 'm' };
const hello: Init = { messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'Hello' } }] }] };

/** The wire request of `Hello` with these fields. */
export const wire = (init: Init, changed: Partial<OpenAiResponsesQuirks> = {}, stream = false) =>
  toWire(create(CompleteRequestSchema, { ...hello, ...init }), target, stream, { ...quirks, ...changed });

/** What the request adds to the plainest body. */
export function added(init: Init, changed: Partial<OpenAiResponsesQuirks> = {}, stream = false): JsonObject {
  const { model: _, input: __, store: ___, include: ____, ...rest } = wire(init, changed, stream).body;
  return rest;
}

/** The fields that warnings are about. */
export const warned = (init: Init, changed: Partial<OpenAiResponsesQuirks> = {}): string[] =>
  wire(init, changed).warnings.map(({ field }) => field);

/** The items that the conversation becomes. */
export function items(init: Init): JsonObject[] {
  const { input } = wire(init).body;
  return Array.isArray(input) ? input.filter(isJsonObject) : [];
}

/** The kind and the fields of the GatewayError that it fails with; undefined if it does not. */
export const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return [thrown.kind, thrown.facts.violations?.map(({ field }) => field)];
  }
  return undefined;
};

export const text = (value: string): PartInit => ({ part: { case: 'text', value } });
