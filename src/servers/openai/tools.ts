import { create } from '@bufbuild/protobuf';
import {
  type Tool,
  type ToolChoice,
  ToolChoiceMode,
  ToolChoiceSchema,
  ToolSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import { required } from './content.ts';
import type { Fields } from './fields.ts';
import { schemaText } from './schema-text.ts';

/** The tools, also those of the former field `functions`. */
export const toolsOf = (body: UnknownObject, fields: Fields): Tool[] => [
  ...fields.objects(body.tools, 'tools').flatMap(([tool, path]) => wrappedTool(tool, path, fields)),
  ...fields.objects(body.functions, 'functions').map(([tool, path]) => toolOf(tool, path, fields)),
];

function wrappedTool(tool: UnknownObject, path: string, fields: Fields): Tool[] {
  if (tool.type !== undefined && tool.type !== 'function') {
    fields.found.add(`${path}.type`, 'must be function: the gateway has no tools of its own');
    return [];
  }
  const called = fields.object(tool.function, `${path}.function`);
  if (!called) required(undefined, `${path}.function`, fields);
  return called ? [toolOf(called, `${path}.function`, fields)] : [];
}

function toolOf(tool: UnknownObject, path: string, fields: Fields): Tool {
  const parameters = fields.object(tool.parameters, `${path}.parameters`);
  const strict = fields.flag(tool.strict, `${path}.strict`);
  return create(ToolSchema, {
    name: required(fields.text(tool.name, `${path}.name`), `${path}.name`, fields),
    description: fields.text(tool.description, `${path}.description`) ?? '',
    parameters: parameters ? schemaText(parameters, `${path}.parameters`, fields) : '',
    ...(strict === undefined ? {} : { strict }),
  });
}

const modes: Readonly<Record<string, ToolChoiceMode>> = {
  auto: ToolChoiceMode.AUTO,
  none: ToolChoiceMode.NONE,
  required: ToolChoiceMode.REQUIRED,
};

/** Undefined: nothing is said, or nothing that differs from saying nothing, there being no tools. */
export function toolChoiceOf(body: UnknownObject, hasTools: boolean, fields: Fields): ToolChoice | undefined {
  const isFormer = body.tool_choice === undefined || body.tool_choice === null;
  const path = isFormer ? 'function_call' : 'tool_choice';
  const value = body[path];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') return namedChoice(value, path, isFormer, fields);
  const mode = fields.choice(value, path, modes);
  const saysNothing = !hasTools && (mode === ToolChoiceMode.AUTO || mode === ToolChoiceMode.NONE);
  if (mode === undefined || saysNothing) return undefined;
  return create(ToolChoiceSchema, { choice: { case: 'mode', value: mode } });
}

/** The former field names the function itself, the present one an object that does. */
function namedChoice(value: unknown, path: string, isFormer: boolean, fields: Fields): ToolChoice | undefined {
  const choice = fields.object(value, path);
  if (!choice) return undefined;
  if (!isFormer && choice.type !== 'function') {
    fields.found.add(`${path}.type`, 'must be function');
    return undefined;
  }
  const place = isFormer ? path : `${path}.function`;
  const called = isFormer ? choice : fields.object(choice.function, place);
  const name = required(fields.text(called?.name, `${place}.name`), `${place}.name`, fields);
  return create(ToolChoiceSchema, { choice: { case: 'name', value: name } });
}
