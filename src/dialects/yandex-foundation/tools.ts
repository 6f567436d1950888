import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Tool, ToolChoice } from '#gen/antiphon/v1/completion_pb.js';
import { parametersSchema } from '../grammar/schema.ts';
import { toolMode } from '../grammar/tool-mode.ts';

/** The fields about tools. Errors: `invalid_request` for parameters that are not JSON. */
export function wireTools({ tools, toolChoice, parallelToolCalls }: CompleteRequest): JsonObject {
  if (tools.length === 0) return {};
  const choice = wireChoice(toolChoice?.choice);
  return {
    tools: tools.map((tool, i) => ({ function: wireFunction(tool, `tools[${i}]`) })),
    ...(choice ? { toolChoice: choice } : {}),
    ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }),
  };
}

const wireFunction = ({ name, description, parameters, strict }: Tool, path: string): JsonObject => ({
  name: name.toWellFormed(),
  ...(description === '' ? {} : { description: description.toWellFormed() }),
  parameters: parametersSchema(parameters, `${path}.parameters`, strict),
  ...(strict === undefined ? {} : { strict }),
});

function wireChoice(choice: ToolChoice['choice'] | undefined): JsonObject | undefined {
  if (choice?.case === 'name') return { functionName: choice.value.toWellFormed() };
  const mode = toolMode(choice);
  return mode && { mode: mode.toUpperCase() };
}
