import { create, type DescField, type DescMessage, type MessageInitShape, ScalarType } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type PartSchema,
  ProviderStateSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { anonymous } from '../../src/core/call.ts';
import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from '../../src/core/events.ts';
import { noSpan } from '../../src/core/span.ts';
import type { Inbound, StreamOut } from '../../src/services/service.ts';

export type RequestInit = Exclude<MessageInitShape<typeof CompleteRequestSchema>, CompleteRequest>;
export type PartInit = MessageInitShape<typeof PartSchema>;

export const text = (value: string): PartInit => ({ part: { case: 'text', value } });

export const toolCall = (id: string, name = 'look_up'): PartInit => ({
  part: { case: 'toolCall', value: { id, name, arguments: '{}' } },
});

export const toolResult = (toolCallId: string, ...content: PartInit[]): PartInit => ({
  part: { case: 'toolResult', value: { toolCallId, content } },
});

export const user = (...content: PartInit[]) => ({ role: Role.USER, content });
export const assistant = (...content: PartInit[]) => ({ role: Role.ASSISTANT, content });

/** A well-formed request but for what `init` says. */
export const requestOf = (init: RequestInit = {}): CompleteRequest =>
  create(CompleteRequestSchema, { messages: [user(text('hello'))], ...init });

const state = create(ProviderStateSchema, { provider: 'p', model: 'm', data: new Uint8Array([1]) });

type Step =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string; readonly sealed: boolean }
  | { readonly kind: 'refusal' | 'newTool'; readonly text: string }
  | { readonly kind: 'moreTool'; readonly text: string; readonly which: number }
  | { readonly kind: 'restart' };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('text' as const, 'reasoning' as const), text: fc.string(), sealed: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('refusal' as const, 'newTool' as const), text: fc.string() }),
  fc.record({ kind: fc.constant('moreTool' as const), text: fc.string(), which: fc.nat(9) }),
);

function toDeltas(steps: readonly Step[]): Delta[] {
  let tools = 0;
  return steps.flatMap((step): Delta[] => {
    switch (step.kind) {
      case 'text':
        return [textDelta(step.text, step.sealed ? state : undefined)];
      case 'reasoning':
        return [reasoningDelta(step.text, step.sealed ? state : undefined)];
      case 'refusal':
        return [refusalDelta(step.text)];
      case 'newTool':
        return [toolCallDelta(tools, step.text, { id: `call_${tools}`, name: `tool_${tools++}` })];
      case 'moreTool':
        return tools === 0 ? [] : [toolCallDelta(step.which % tools, step.text)];
      default:
        tools = 0;
        return [restart()];
    }
  });
}

export const restart = (): Delta => ({
  case: 'restart',
  value: {
    $typeName: 'antiphon.v1.Restart',
    provider: 'other',
    model: 'm',
    reason: ErrorReason.UPSTREAM_RESET,
  },
});

/** What a backend may emit in one try. */
export const deltasArbitrary: fc.Arbitrary<Delta[]> = fc.array(stepArbitrary, { maxLength: 12 }).map(toDeltas);

/** What may be emitted in several tries. */
export const deltasWithRestarts: fc.Arbitrary<Delta[]> = fc
  .array(fc.oneof({ weight: 6, arbitrary: stepArbitrary }, fc.constant<Step>({ kind: 'restart' })), { maxLength: 20 })
  .map(toDeltas);

/** Any UTF-16, lone surrogates and control characters too. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.array(fc.nat(0xffff), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('__proto__', 'constructor', 'https://example.com/a.png', '{"type":"object"}', '\0', '[['),
);

/** Something that fits a field of the contract by its type, whether or not by its rule. */
function fieldArbitrary(field: DescField, depth: number): fc.Arbitrary<unknown> {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarArbitrary(field.scalar);
    case 'enum':
      return fc.integer({ min: -1, max: 9 });
    case 'message':
      return messageArbitrary(field.message, depth + 1);
    case 'list': {
      const { message, scalar } = field;
      const item = message ? messageArbitrary(message, depth + 1) : scalarArbitrary(scalar);
      return fc.array<unknown>(item, { maxLength: 4 });
    }
    case 'map':
      return fc.dictionary<unknown>(anyText, field.message ? messageArbitrary(field.message, depth + 1) : anyText, {
        maxKeys: 20,
      });
  }
}

function scalarArbitrary(type: ScalarType | undefined): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 4 });
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.UINT32:
      return fc.oneof(fc.nat(3), fc.nat(2 ** 31 - 1));
    case ScalarType.INT64:
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.INT32:
      return fc.integer();
    default:
      return anyText;
  }
}

/** Any message of a type: every field may be set or not, to anything of its type. */
export function messageArbitrary(desc: DescMessage, depth = 0): fc.Arbitrary<Record<string, unknown>> {
  if (desc.typeName === 'google.protobuf.Struct')
    return fc.dictionary(anyText, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 });
  if (depth > 4) return fc.constant({});
  const members = desc.members.map((member): [string, fc.Arbitrary<unknown>] => [
    member.localName,
    member.kind === 'oneof'
      ? fc.oneof(
          fc.constant({ case: undefined }),
          ...member.fields.map((field) =>
            fieldArbitrary(field, depth).map((value) => ({ case: field.localName, value })),
          ),
        )
      : fieldArbitrary(member, depth),
  ]);
  return fc.record(Object.fromEntries(members), { requiredKeys: [] });
}

/** Any request, nearly all of them wrong. */
export const anyRequest: fc.Arbitrary<CompleteRequest> = messageArbitrary(CompleteRequestSchema).map((init) =>
  create(CompleteRequestSchema, init as RequestInit),
);

export function inboundOf(overrides: Partial<Inbound> = {}): Inbound {
  return {
    id: 'call-1',
    caller: anonymous,
    context: {
      $typeName: 'antiphon.v1.CallContext',
      traceId: 'trace-1',
      sourceAgent: 'tester',
      sessionId: 'session-1',
    },
    signal: new AbortController().signal,
    deadlineMs: undefined,
    receivedMs: 1_000,
    span: noSpan,
    ...overrides,
  };
}

export interface ListOut extends StreamOut {
  readonly messages: Parameters<StreamOut['write']>[0][];
  room: boolean;
}

/** A stream's other end that keeps what is written. */
export function listOut(): ListOut {
  const messages: ListOut['messages'] = [];
  return {
    messages,
    room: true,
    write(message) {
      messages.push(message);
      return this.room;
    },
    drained: () => Promise.resolve(),
  };
}
