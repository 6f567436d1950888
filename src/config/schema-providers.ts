import { z } from 'zod';
import {
  apiKeyRule,
  flag,
  headerNameRule,
  headerValueRule,
  modelRule,
  providerNameRule,
  text,
  whole,
} from './fields.ts';
import { ONLY_REFERENCE } from './substitute.ts';

export const compatSchema = z
  .strictObject({
    max_tokens_field: z
      .enum(['max_tokens', 'max_completion_tokens'])
      .meta({ description: 'The field that limits the length of the answer.' })
      .default('max_tokens'),
    developer_role: flag('The server knows the role "developer". Otherwise it gets "system".').default(false),
    stream_usage: flag('The server takes stream_options.include_usage, which makes streams report usage.').default(
      true,
    ),
    json_schema: flag('The server takes response_format json_schema. Otherwise it gets json_object.').default(false),
    reasoning_effort: flag('The server takes reasoning_effort.').default(true),
    replay_reasoning: flag('The server wants earlier reasoning back, as reasoning_content.').default(false),
  })
  .meta({ title: 'Compat', description: 'What the server differs in. Only for the kind openai_compatible.' });

export const providerSchema = z
  .strictObject({
    kind: z
      .enum(['openai', 'openai_compatible', 'mock'])
      .meta({
        description:
          'What it is. The default is openai_compatible, except for the names "openai" and "mock", which are of that kind.',
      })
      .optional(),
    base_url: z
      .string()
      .min(1)
      .meta({
        description:
          'The address before "/chat/completions", usually ending in "/v1". https, or http to this machine. Required for the kind openai_compatible.',
      })
      .optional(),
    api_key: text(apiKeyRule)
      .meta({
        pattern: ONLY_REFERENCE.source,
        description: `The key, as a reference to a variable: \${VAR}, or \${VAR:-} if it may be missing. Never the key itself.`,
      })
      .optional(),
    headers: z
      .record(text(headerNameRule), text(headerValueRule))
      .meta({
        description: `Headers for every request. One that carries a credential must be a reference such as \${VAR}.`,
      })
      .default({}),
    models: z
      .array(text(modelRule))
      .max(1000)
      .meta({ description: 'Ids of models it has. They are listed, found by their id alone, and allowed by default.' })
      .default([]),
    allow_insecure: flag(
      'Let base_url be plain http to another machine. Keys and prompts can then be read on the way.',
    ).default(false),
    max_connections: whole(1, 65_535, 'The most connections to it at once. Further calls wait for one.').default(1024),
    compat: compatSchema.optional(),
  })
  .meta({ title: 'Provider' });

export const providersSchema = z.record(text(providerNameRule), providerSchema).meta({
  title: 'Providers',
  description: 'The providers by name. Callers use the name before the slash: "groq/llama-3.3-70b-versatile".',
});

export type ProviderEntry = z.infer<typeof providerSchema>;
