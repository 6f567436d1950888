import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type Message,
  type Part,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import {
  array,
  callPart,
  choiceModes,
  type Json,
  mediaFrom,
  message,
  object,
  objects,
  part,
  type RecordedTarget,
  reasoningPart,
  resultPart,
  setChoice,
  setEffort,
  setJsonObject,
  setJsonSchema,
  setSampling,
  stateOf,
  text,
  textPart,
  toolOf,
} from './recordings-json.ts';

/**
 * A recorded body of OpenAI's Responses API as a request of the contract. Tools that OpenAI runs itself and earlier
 * responses by their id have no place in it and are left out.
 */
export function requestFromResponsesBody(body: unknown, target: RecordedTarget): CompleteRequest {
  const wire = object(body);
  const instructions = text(wire.instructions);
  const items = typeof wire.input === 'string' ? [{ role: 'user', content: wire.input }] : objects(wire.input);
  const tools = objects(wire.tools).filter(({ type, name }) => type === 'function' && name !== undefined);
  const options = Object.fromEntries(Object.entries(wire).filter(([key, value]) => value !== null && !placed.has(key)));
  const request = create(CompleteRequestSchema, {
    model: `${target.provider}/${target.model}`,
    messages: [
      ...(instructions ? [message(Role.SYSTEM, [textPart(instructions)])] : []),
      ...joined(items.flatMap((item) => messageFrom(item, target))),
    ],
    tools: tools.map((tool) => toolOf(tool, tool.parameters ?? object(tool.function).parameters)),
    providerOptions: { [target.provider]: options as JsonObject },
  });
  const { tool_choice: choice, top_p: topP, max_output_tokens: maxTokens } = wire;
  setChoice(request, choiceModes[text(choice)], text(object(choice).name));
  setSampling(request, { temperature: wire.temperature, topP, maxTokens });
  const format = object(object(wire.text).format);
  if (format.type === 'json_object') setJsonObject(request);
  if (format.type === 'json_schema') setJsonSchema(request, format);
  setEffort(request, object(wire.reasoning).effort);
  return request;
}

/** Fields that the contract has a place for, or that decide what is kept and what comes back. */
const placed = new Set(
  `model input instructions tools tool_choice parallel_tool_calls temperature top_p max_output_tokens text reasoning
  stream store include previous_response_id`.split(/\s+/),
);

const roles: Readonly<Record<string, Role>> = {
  system: Role.SYSTEM,
  developer: Role.DEVELOPER,
  user: Role.USER,
  assistant: Role.ASSISTANT,
};

function messageFrom(item: Json, target: RecordedTarget): Message[] {
  switch (item.type) {
    case 'reasoning': {
      const words = objects(item.summary).map((one) => text(one.text));
      return [message(Role.ASSISTANT, [reasoningPart(words.join('\n\n'), stateOf(target, { item }))])];
    }
    case 'function_call':
      return [message(Role.ASSISTANT, [callPart(text(item.call_id), text(item.name), text(item.arguments))])];
    case 'function_call_output': {
      return [message(Role.TOOL, [resultPart(text(item.call_id), contentFrom(item.output))])];
    }
    default: {
      const role = roles[text(item.role)];
      return role === undefined ? [] : [message(role, contentFrom(item.content))];
    }
  }
}

/** What follows each other from the model, or from tools, is one message here. */
function joined(messages: readonly Message[]): Message[] {
  const all: Message[] = [];
  for (const next of messages) {
    const last = all.at(-1);
    if (last && last.role === next.role && (next.role === Role.ASSISTANT || next.role === Role.TOOL))
      last.content.push(...next.content);
    else all.push(next);
  }
  return all;
}

const contentFrom = (content: unknown): Part[] =>
  typeof content === 'string' ? [textPart(content)] : array(content).map(object).flatMap(partFrom);

function partFrom(wire: Json): Part[] {
  switch (wire.type) {
    case 'input_text':
    case 'output_text':
      return [textPart(text(wire.text))];
    case 'refusal':
      return [part({ case: 'refusal', value: text(wire.refusal) })];
    case 'input_image':
      return wire.image_url ? [part({ case: 'image', value: mediaFrom(text(wire.image_url)) })] : [];
    case 'input_file': {
      const source = text(wire.file_data) || text(wire.file_url);
      return source ? [part({ case: 'document', value: mediaFrom(source, text(wire.filename)) })] : [];
    }
    default:
      return [];
  }
}
