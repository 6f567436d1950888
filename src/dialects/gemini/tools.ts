import type { JsonObject } from '@bufbuild/protobuf';
import { type CompleteRequest, type Tool, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { dropped } from '../../core/warnings.ts';
import { parametersSchema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { wireSchema } from './schema.ts';

const modes: Partial<Record<ToolChoiceMode, string>> = {
  [ToolChoiceMode.AUTO]: 'AUTO',
  [ToolChoiceMode.NONE]: 'NONE',
  [ToolChoiceMode.REQUIRED]: 'ANY',
};

/** The fields about tools. Errors: `invalid_request` for parameters that are not JSON. */
export function wireTools(request: CompleteRequest, warnings: Warnings): JsonObject {
  const { tools, parallelToolCalls } = request;
  if (tools.length === 0) return {};
  if (parallelToolCalls === false)
    warnings.add(
      dropped(
        'parallel_tool_calls',
        'parallel_tool_calls was not sent: the provider cannot be kept from several calls at once.',
      ),
    );
  const functionCallingConfig = callingConfig(request);
  return {
    tools: [{ functionDeclarations: tools.map((tool, i) => declaration(tool, `tools[${i}]`, warnings)) }],
    ...(functionCallingConfig ? { toolConfig: { functionCallingConfig } } : {}),
  };
}

function declaration({ name, description, parameters }: Tool, path: string, warnings: Warnings): JsonObject {
  const at = `${path}.parameters`;
  return {
    name: name.toWellFormed(),
    description: description.toWellFormed(),
    parametersJsonSchema: wireSchema(parametersSchema(parameters, at), at, warnings).sent,
  };
}

/** Arguments are held to their schema for all tools or for none; a call that must be made always is. */
function callingConfig({ tools, toolChoice }: CompleteRequest): JsonObject | undefined {
  const choice = toolChoice?.choice;
  if (choice?.case === 'name') return { mode: 'ANY', allowedFunctionNames: [choice.value.toWellFormed()] };
  const mode = choice?.case === 'mode' ? modes[choice.value] : undefined;
  const free = mode === undefined || mode === 'AUTO';
  if (free && tools.some(({ strict }) => strict === true)) return { mode: 'VALIDATED' };
  return mode === undefined ? undefined : { mode };
}
