import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, Tool, ToolChoice } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import { parametersSchema } from '../grammar/schema.ts';
import { toolMode } from '../grammar/tool-mode.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** The fields about tools. Errors: `invalid_request` for parameters that are not JSON. */
export function wireTools(
  { tools, toolChoice, parallelToolCalls }: CompleteRequest,
  quirks: OpenAiChatQuirks,
  warnings: Warnings,
): JsonObject {
  if (tools.length === 0) return {};
  const choice = wireChoice(toolChoice?.choice, quirks, warnings);
  return {
    tools: tools.map((tool, i) => wireTool(tool, `tools[${i}]`)),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  };
}

function wireTool({ name, description, parameters, strict }: Tool, path: string): JsonObject {
  return {
    type: 'function',
    function: {
      name: name.toWellFormed(),
      ...(description === '' ? {} : { description: description.toWellFormed() }),
      parameters: parametersSchema(parameters, `${path}.parameters`, strict),
      ...(strict === undefined ? {} : { strict }),
    },
  };
}

function wireChoice(
  choice: ToolChoice['choice'] | undefined,
  { requiredTool = 'required' }: OpenAiChatQuirks,
  warnings: Warnings,
): string | JsonObject | undefined {
  const mode = toolMode(choice);
  if (choice?.case !== 'name' && mode !== 'required') return mode;
  if (requiredTool === 'none') {
    const message = 'The tool choice was sent as AUTO: the provider cannot be told that a tool must be called.';
    warnings.add(adjusted('tool_choice', message));
    return 'auto';
  }
  if (choice?.case === 'name') return { type: 'function', function: { name: choice.value.toWellFormed() } };
  return requiredTool;
}
