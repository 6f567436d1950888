import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Tool, ToolChoice } from '#gen/antiphon/v1/completion_pb.js';
import { parametersSchema } from '../grammar/schema.ts';
import { toolMode } from '../grammar/tool-mode.ts';

/** The fields about tools. Errors: `invalid_request` for parameters that are not JSON. */
export function wireTools({ tools, toolChoice, parallelToolCalls }: CompleteRequest): JsonObject {
  if (tools.length === 0) return {};
  const choice = wireChoice(toolChoice?.choice);
  return {
    tools: tools.map((tool, i) => wireTool(tool, `tools[${i}]`)),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  };
}

/** `strict` is always said: unset means true here and false in chat completions, and the caller chose neither. */
function wireTool({ name, description, parameters, strict = false }: Tool, path: string): JsonObject {
  return {
    type: 'function',
    name: name.toWellFormed(),
    ...(description === '' ? {} : { description: description.toWellFormed() }),
    parameters: parametersSchema(parameters, `${path}.parameters`, strict),
    strict,
  };
}

function wireChoice(choice: ToolChoice['choice'] | undefined): string | JsonObject | undefined {
  if (choice?.case === 'name') return { type: 'function', name: choice.value.toWellFormed() };
  return toolMode(choice);
}
