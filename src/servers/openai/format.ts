import { create } from '@bufbuild/protobuf';
import {
  type Reasoning,
  ReasoningEffort,
  ReasoningSchema,
  type ResponseFormat,
  ResponseFormatSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import { required } from './content.ts';
import type { Fields } from './fields.ts';
import { schemaText } from './schema-text.ts';

/** For a schema without a name, which some providers do not want one for. */
const UNNAMED = 'response';

type Format = ResponseFormat['format']['case'];

const formats: Readonly<Record<string, NonNullable<Format>>> = {
  text: 'text',
  json_object: 'jsonObject',
  json_schema: 'jsonSchema',
};

/** The shape that the answer is to have. Undefined: nothing is said. */
export function responseFormatOf(value: unknown, fields: Fields): ResponseFormat | undefined {
  const path = 'response_format';
  const format = fields.object(value, path);
  if (!format) return undefined;
  const kind = fields.choice(
    required(fields.text(format.type, `${path}.type`), `${path}.type`, fields) || undefined,
    `${path}.type`,
    formats,
  );
  if (kind === 'jsonSchema') return jsonSchemaOf(format.json_schema, `${path}.json_schema`, fields);
  return kind && create(ResponseFormatSchema, { format: { case: kind, value: {} } });
}

function jsonSchemaOf(value: unknown, path: string, fields: Fields): ResponseFormat {
  const written = fields.object(value, path) ?? {};
  const schema = fields.object(written.schema, `${path}.schema`);
  const strict = fields.flag(written.strict, `${path}.strict`);
  return create(ResponseFormatSchema, {
    format: {
      case: 'jsonSchema',
      value: {
        name: fields.text(written.name, `${path}.name`) ?? UNNAMED,
        // Without one, any JSON will do.
        schema: schemaText(schema ?? {}, `${path}.schema`, fields),
        description: fields.text(written.description, `${path}.description`) ?? '',
        ...(strict === undefined ? {} : { strict }),
      },
    },
  });
}

const efforts: Readonly<Record<string, ReasoningEffort>> = {
  none: ReasoningEffort.NONE,
  minimal: ReasoningEffort.MINIMAL,
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
  xhigh: ReasoningEffort.XHIGH,
  max: ReasoningEffort.MAX,
};

/** OpenAI's `reasoning_effort`; or `reasoning` with `effort` or `max_tokens`, as OpenRouter's callers write it. */
export function reasoningOf(body: UnknownObject, fields: Fields): Reasoning | undefined {
  const written = fields.object(body.reasoning, 'reasoning');
  const budget = fields.count(written?.max_tokens, 'reasoning.max_tokens');
  if (budget !== undefined) return create(ReasoningSchema, { amount: { case: 'budgetTokens', value: budget } });
  const effort =
    fields.choice(body.reasoning_effort, 'reasoning_effort', efforts) ??
    fields.choice(written?.effort, 'reasoning.effort', efforts);
  return effort === undefined ? undefined : create(ReasoningSchema, { amount: { case: 'effort', value: effort } });
}
