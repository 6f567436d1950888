import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  MessageSchema,
  PartSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';

export const said = (role: Role, ...texts: readonly string[]): Message =>
  create(MessageSchema, { role, content: texts.map((value) => create(PartSchema, { part: { case: 'text', value } })) });

export const called = (...ids: readonly string[]): Message =>
  create(MessageSchema, {
    role: Role.ASSISTANT,
    content: ids.map((id) =>
      create(PartSchema, { part: { case: 'toolCall', value: { id, name: 'look_up', arguments: '{"q":1}' } } }),
    ),
  });

export const gave = (length: number, ...ids: readonly string[]): Message =>
  create(MessageSchema, {
    role: Role.TOOL,
    content: ids.map((toolCallId) => {
      const content = [create(PartSchema, { part: { case: 'text', value: 'r'.repeat(length) } })];
      return create(PartSchema, { part: { case: 'toolResult', value: { toolCallId, content } } });
    }),
  });

const length = fc.nat(400);
const speech = (role: Role) => length.map((n) => [said(role, 'x'.repeat(n))]);

/** Calls with their results, which may come in several messages, with something between, and not all of them. */
const exchange = fc
  .record({
    calls: fc.integer({ min: 1, max: 3 }),
    length,
    together: fc.boolean(),
    answered: fc.boolean(),
    between: fc.option(fc.constantFrom(Role.USER, Role.SYSTEM, Role.ASSISTANT), { nil: undefined }),
    reused: fc.boolean(),
  })
  .map((drawn) => (index: number) => {
    const ids = Array.from({ length: drawn.calls }, (_, i) => (drawn.reused ? `same-${i}` : `call-${index}-${i}`));
    const results = drawn.together ? [gave(drawn.length, ...ids)] : ids.map((id) => gave(drawn.length, id));
    const between = drawn.between ? [said(drawn.between, 'wait')] : [];
    return [called(...ids), ...between, ...(drawn.answered ? results : results.slice(1))];
  });

const turn = fc.oneof(
  speech(Role.USER).map((messages) => () => messages),
  speech(Role.USER).map((messages) => () => messages),
  speech(Role.ASSISTANT).map((messages) => () => messages),
  speech(Role.SYSTEM).map((messages) => () => messages),
  speech(Role.DEVELOPER).map((messages) => () => messages),
  exchange,
);

/** Conversations of all shapes that may be asked for, and some that may not. */
export const conversations: fc.Arbitrary<readonly Message[]> = fc
  .array(turn, { minLength: 1, maxLength: 14 })
  .map((turns) => turns.flatMap((make, i) => make(i)));

export const requests: fc.Arbitrary<CompleteRequest> = fc
  .record({
    messages: conversations,
    maxTokens: fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }),
    description: fc.nat(100),
  })
  .map(({ messages, maxTokens, description }) =>
    create(CompleteRequestSchema, {
      messages: [...messages],
      tools: [{ name: 'look_up', description: 'd'.repeat(description) }],
      ...(maxTokens === undefined ? {} : { maxTokens }),
    }),
  );
