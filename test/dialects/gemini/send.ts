import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { GeminiQuirks } from '../../../src/dialects/gemini/quirks.ts';
import { toWire } from '../../../src/dialects/gemini/request.ts';
import { target } from './hear.ts';

/** A request's fields. */
export type Init = MessageInitShape<typeof CompleteRequestSchema>;
export type Parts = NonNullable<NonNullable<Init['messages']>[number]['content']>;

const quirks: GeminiQuirks = {
  thinking: { by: 'level', levels: ['low', 'high'] },
  systemInstruction: true,
  json: 'always',
  signedCalls: true,
  resultMedia: true,
};

export const text = (value: string): Parts[number] => ({ part: { case: 'text', value } });

const hello: Init = { messages: [{ role: Role.USER, content: [text('Hello')] }] };

/** The wire request of `Hello` with these fields. */
export const wire = (init: Init, changed: Partial<GeminiQuirks> = {}, stream = false) =>
  toWire(create(CompleteRequestSchema, { ...hello, ...init } as Init), target, stream, { ...quirks, ...changed });

/** The `contents` that one message becomes. */
export const sent = (role: Role, content: Parts, changed: Partial<GeminiQuirks> = {}) =>
  wire({ messages: [{ role, content }] }, changed).body.contents;

/** The fields that warnings are about. */
export const warned = (init: Init, changed: Partial<GeminiQuirks> = {}): string[] =>
  wire(init, changed).warnings.map(({ field }) => field);
