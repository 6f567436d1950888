import { create } from '@bufbuild/protobuf';
import {
  type Message,
  MessageSchema,
  type Part,
  ReasoningTextSchema,
  Role,
  ToolCallSchema,
  ToolResultSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import { contentOf, partOf, required, textPart } from './content.ts';
import type { Fields } from './fields.ts';
import { statefulParts } from './state.ts';

const roles = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
  function: Role.TOOL,
};

/** Reads the messages of a chat. Calls of the former `function_call`, which have no ids, get some. */
export function messagesOf(value: unknown, fields: Fields): Message[] {
  if (value === undefined || value === null) fields.found.add('messages', 'is missing');
  const conversation = { lastFunctionCall: '' };
  return fields
    .objects(value, 'messages')
    .flatMap(([message, path]) => messageOf(message, path, conversation, fields) ?? []);
}

interface Conversation {
  lastFunctionCall: string;
}

function messageOf(message: UnknownObject, path: string, conversation: Conversation, fields: Fields) {
  const word = required(fields.text(message.role, `${path}.role`), `${path}.role`, fields);
  const role = word === '' ? undefined : fields.choice(word, `${path}.role`, roles);
  if (role === undefined) return undefined;
  if (role === Role.ASSISTANT) return assistant(message, path, conversation, fields);
  const content = contentOf(message.content, `${path}.content`, fields);
  if (!content) fields.found.add(`${path}.content`, 'is missing');
  if (role !== Role.TOOL) return said(role, content ?? []);
  const id = word === 'function' ? conversation.lastFunctionCall : callIdOf(message, path, fields);
  return said(role, [
    partOf({ case: 'toolResult', value: create(ToolResultSchema, { toolCallId: id, content: content ?? [] }) }),
  ]);
}

const said = (role: Role, content: Part[]): Message => {
  const message = create(MessageSchema);
  message.role = role;
  message.content = content;
  return message;
};

const callIdOf = ({ tool_call_id: id }: UnknownObject, path: string, fields: Fields): string =>
  required(fields.text(id, `${path}.tool_call_id`), `${path}.tool_call_id`, fields);

function assistant(message: UnknownObject, path: string, conversation: Conversation, fields: Fields): Message {
  const stateful = statefulParts(message.antiphon, `${path}.antiphon`, fields);
  if (stateful) return said(Role.ASSISTANT, stateful);
  const calls = [
    ...toolCalls(message.tool_calls, `${path}.tool_calls`, fields),
    ...functionCall(message.function_call, `${path}.function_call`, conversation, fields),
  ];
  const parts = [
    ...reasoningParts(message, path, fields),
    ...spoken(contentOf(message.content, `${path}.content`, fields), calls),
    ...refusalParts(message.refusal, `${path}.refusal`, fields),
    ...calls,
  ];
  if (message.audio !== undefined && message.audio !== null)
    fields.found.add(`${path}.audio`, 'is not possible here: answers are not kept');
  return said(Role.ASSISTANT, parts.length > 0 ? parts : [textPart('')]);
}

/** Beside calls, clients write an empty text where nothing was said. */
const spoken = (content: Part[] | undefined, calls: readonly Part[]): Part[] =>
  (content ?? []).filter(({ part }) => calls.length === 0 || part.case !== 'text' || part.value !== '');

function reasoningParts(message: UnknownObject, path: string, fields: Fields): Part[] {
  const text =
    fields.text(message.reasoning_content, `${path}.reasoning_content`) ??
    fields.text(message.reasoning, `${path}.reasoning`);
  return text ? [partOf({ case: 'reasoning', value: create(ReasoningTextSchema, { text }) })] : [];
}

function refusalParts(value: unknown, path: string, fields: Fields): Part[] {
  const text = fields.text(value, path);
  return text ? [partOf({ case: 'refusal', value: text })] : [];
}

const toolCalls = (value: unknown, path: string, fields: Fields): Part[] =>
  fields.objects(value, path).flatMap(([call, at]) => {
    if (call.type !== undefined && call.type !== 'function') {
      fields.found.add(`${at}.type`, 'must be function');
      return [];
    }
    const id = required(fields.text(call.id, `${at}.id`), `${at}.id`, fields);
    return callPart(id, fields.object(call.function, `${at}.function`), `${at}.function`, fields);
  });

function functionCall(value: unknown, path: string, conversation: Conversation, fields: Fields): Part[] {
  const called = fields.object(value, path);
  if (!called) return [];
  conversation.lastFunctionCall = path.replace(/\W+/g, '_');
  return [callPart(conversation.lastFunctionCall, called, path, fields)];
}

function callPart(id: string, called: UnknownObject | undefined, path: string, fields: Fields): Part {
  const name = required(fields.text(called?.name, `${path}.name`), `${path}.name`, fields);
  const text = fields.text(called?.arguments, `${path}.arguments`) ?? '';
  return partOf({ case: 'toolCall', value: create(ToolCallSchema, { id, name, arguments: text }) });
}
