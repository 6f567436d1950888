import type { JsonObject } from '@bufbuild/protobuf';
import { type CompleteRequest, type Tool, type ToolChoice, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { parametersSchema } from '../grammar/schema.ts';

const modes: Partial<Record<ToolChoiceMode, string>> = {
  [ToolChoiceMode.AUTO]: 'AUTO',
  [ToolChoiceMode.NONE]: 'NONE',
  [ToolChoiceMode.REQUIRED]: 'REQUIRED',
};

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
  const mode = choice?.case === 'mode' ? modes[choice.value] : undefined;
  return mode === undefined ? undefined : { mode };
}
