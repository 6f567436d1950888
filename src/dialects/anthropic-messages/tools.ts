import type { JsonObject } from '@bufbuild/protobuf';
import { type CompleteRequest, type Tool, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { parametersSchema } from '../grammar/schema.ts';
import type { Warnings } from '../grammar/warnings.ts';
import { inputSchema } from './input-schema.ts';
import type { AnthropicMessagesQuirks } from './quirks.ts';
import { StrictTools } from './strict-tools.ts';

/**
 * The fields about tools. `budgeted`: the model thinks with a budget, and then cannot be forced to call any. Errors:
 * `invalid_request` for parameters that are not JSON.
 */
export function wireTools(
  request: CompleteRequest,
  quirks: AnthropicMessagesQuirks,
  budgeted: boolean,
  warnings: Warnings,
): JsonObject {
  if (request.tools.length === 0) return {};
  const strict = quirks.jsonSchema ? new StrictTools() : undefined;
  const choice = wireChoice(request, quirks.forcedTools && !budgeted, warnings);
  return {
    tools: request.tools.map((tool, i) => wireTool(tool, strict, `tools[${i}]`, warnings)),
    ...(choice ? { tool_choice: choice } : {}),
  };
}

function wireTool(tool: Tool, strict: StrictTools | undefined, path: string, warnings: Warnings): JsonObject {
  const given = parametersSchema(tool.parameters, `${path}.parameters`, tool.strict);
  const { schema, flattened } = inputSchema(given);
  const closed = tool.strict ? strict?.next(schema) : undefined;
  const change = (message: string) => warnings.add(adjusted(`${path}.parameters`, message));
  if (flattened) change('A choice at the root of the parameters was sent in words: the provider takes none there.');
  if (closed?.closed) change('Objects were closed to further properties: the provider takes no open ones.');
  if (closed?.moved) change('Rules that the provider cannot enforce were sent as words, or looser.');
  if (tool.strict && !closed)
    warnings.add(
      dropped(`${path}.strict`, 'strict was not sent: the model takes it for fewer tools or other schemas.'),
    );
  return {
    name: tool.name.toWellFormed(),
    ...(tool.description === '' ? {} : { description: tool.description.toWellFormed() }),
    input_schema: closed?.schema ?? schema,
    ...(closed ? { strict: true } : {}),
  };
}

/** Several calls at once are forbidden within the choice. */
function wireChoice(
  { toolChoice, parallelToolCalls }: CompleteRequest,
  mayForce: boolean,
  warnings: Warnings,
): JsonObject | undefined {
  const one = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  const choice = toolChoice?.choice;
  const mode = choice?.case === 'mode' ? choice.value : undefined;
  const forced = choice?.case === 'name' || mode === ToolChoiceMode.REQUIRED;
  if (mode === ToolChoiceMode.NONE) return { type: 'none' };
  if (forced && !mayForce) {
    const message = 'The model may call a tool, but need not: it cannot be forced to, or not while it thinks.';
    warnings.add(adjusted('tool_choice', message));
  }
  if (forced && mayForce)
    return choice?.case === 'name'
      ? { type: 'tool', name: choice.value.toWellFormed(), ...one }
      : { type: 'any', ...one };
  return forced || mode === ToolChoiceMode.AUTO || parallelToolCalls === false ? { type: 'auto', ...one } : undefined;
}
