import { create } from '@bufbuild/protobuf';
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
  jsonText,
  mediaOf,
  mediaPart,
  message,
  object,
  objects,
  type RecordedTarget,
  reasoningPart,
  resultPart,
  setBudget,
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
 * A recorded body of Gemini's generateContent as a request of the contract. Google's own tools, what they gave in
 * earlier turns, and files by their address at Google have no place in it and are left out; so are safety settings and
 * the number of candidates.
 */
export function requestFromGenerateBody(body: unknown, target: RecordedTarget): CompleteRequest {
  const wire = object(body);
  const config = object(wire.generationConfig);
  const system = objects(object(wire.systemInstruction).parts).map((one) => textPart(text(one.text)));
  const ids = new CallIds();
  const declared = objects(wire.tools).flatMap((tool) => objects(tool.functionDeclarations));
  const request = create(CompleteRequestSchema, {
    model: `${target.provider}/${target.model}`,
    messages: [
      ...(system.length > 0 ? [message(Role.SYSTEM, system)] : []),
      ...objects(wire.contents).flatMap((content) => messagesFrom(content, ids, target)),
    ],
    tools: declared.map((tool) => toolOf(tool, schemaOf(tool))),
  });
  const { mode, allowedFunctionNames: names } = object(object(wire.toolConfig).functionCallingConfig);
  setChoice(request, choiceModes[text(mode).toLowerCase()], text(array(names)[0]));
  setSampling(request, { ...config, maxTokens: config.maxOutputTokens, stop: config.stopSequences });
  addFormat(request, config);
  addThinking(request, object(config.thinkingConfig));
  return request;
}

/** One of them is JSON Schema, under two spellings; the other names its types in capitals. */
const schemaOf = ({ parametersJsonSchema: schema, parameters_json_schema: snake, parameters }: Json): unknown =>
  schema ?? snake ?? lowerTypes(parameters);

function lowerTypes(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(lowerTypes);
  if (typeof schema !== 'object' || schema === null) return schema;
  const pairs = Object.entries(schema).map(([key, value]) => [
    key,
    key === 'type' && typeof value === 'string' ? value.toLowerCase() : lowerTypes(value),
  ]);
  return Object.fromEntries(pairs);
}

/** Calls have ids only with newer models; without one, a result belongs to the oldest open call of its name. */
class CallIds {
  readonly #open: { readonly id: string; readonly name: string }[] = [];
  #made = 0;

  called(given: string, name: string): string {
    const id = given || `call_${this.#made++}`;
    this.#open.push({ id, name });
    return id;
  }

  answered(given: string, name: string): string {
    const at = this.#open.findIndex((call) => (given ? call.id === given : call.name === name));
    return this.#open.splice(Math.max(at, 0), at < 0 ? 0 : 1)[0]?.id ?? given;
  }
}

/** Tool results stand in a message of their own here, and in the user's there. */
function messagesFrom({ role, parts }: Json, ids: CallIds, target: RecordedTarget): Message[] {
  const all = objects(parts).flatMap((one) => partFrom(one, ids, target));
  const results = all.filter((one) => one.part.case === 'toolResult');
  const rest = all.filter((one) => one.part.case !== 'toolResult');
  const speaker = role === 'model' ? Role.ASSISTANT : Role.USER;
  return [
    ...(results.length > 0 ? [message(Role.TOOL, results)] : []),
    ...(rest.length > 0 || results.length === 0 ? [message(speaker, rest)] : []),
  ];
}

function partFrom(wire: Json, ids: CallIds, target: RecordedTarget): Part[] {
  const { thoughtSignature: signature } = wire;
  const state = typeof signature === 'string' ? stateOf(target, { signature }) : undefined;
  const { id, name, args } = object(wire.functionCall);
  const answer = object(wire.functionResponse);
  const { mimeType, mime_type: snakeType, data } = object(wire.inlineData);
  if (wire.functionCall) return [callPart(ids.called(text(id), text(name)), text(name), jsonText(args ?? {}), state)];
  if (wire.functionResponse) return [resultFrom(answer, ids)];
  if (wire.inlineData) return [mediaPart(mediaOf(text(data), text(mimeType ?? snakeType)))];
  if (typeof wire.text !== 'string') return [];
  return [wire.thought === true ? reasoningPart(wire.text, state) : textPart(wire.text, state)];
}

function resultFrom({ id, name, response, parts }: Json, ids: CallIds): Part {
  const said = object(response);
  const media = objects(parts).map((one) => object(one.inlineData ?? one.inline_data));
  return resultPart(
    ids.answered(text(id), text(name)),
    [
      textPart(jsonText(response)),
      ...media
        .filter(({ data }) => typeof data === 'string')
        .map(({ data, mimeType, mime_type: snakeType }) => mediaPart(mediaOf(text(data), text(mimeType ?? snakeType)))),
    ],
    'error' in said,
  );
}

function addFormat(request: CompleteRequest, config: Json): void {
  const schema = config.responseJsonSchema ?? lowerTypes(config.responseSchema);
  if (schema) setJsonSchema(request, { schema });
  else if (config.responseMimeType === 'application/json') setJsonObject(request);
}

function addThinking(request: CompleteRequest, thinking: Json): void {
  setEffort(request, thinking.thinkingLevel ?? thinking.thinking_level);
  setBudget(request, thinking.thinkingBudget ?? thinking.thinking_budget);
}
