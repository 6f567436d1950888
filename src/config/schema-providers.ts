import { z } from 'zod';
import {
  apiKeyRule,
  appTitleRule,
  appUrlRule,
  describe,
  flag,
  folderIdRule,
  headerNameRule,
  headerValueRule,
  keyNameRule,
  modelRule,
  providerNameRule,
  text,
  whole,
} from './fields.ts';
import { kindNames } from './kinds.ts';
import { maxConcurrency } from './schema-resilience.ts';
import { ONLY_REFERENCE } from './substitute.ts';

/** A key is never in the file itself. */
const keyReference = (description: string) =>
  text(apiKeyRule).meta({
    pattern: ONLY_REFERENCE.source,
    description: `${description}, as a reference to a variable: \${VAR}, or \${VAR:-} if it may be missing. Never the key itself.`,
  });

const apiKeySchema = z
  .strictObject({
    name: describe(text(keyNameRule), 'What it is called in logs and in Health. Unset: as its variable.').optional(),
    key: keyReference('The key').optional(),
    weight: whole(1, 1000, 'Its share of the calls, against those of the other keys.').default(1),
  })
  .meta({ title: 'ApiKey' });

export const compatSchema = z
  .strictObject({
    max_tokens_field: z
      .enum(['max_tokens', 'max_completion_tokens'])
      .meta({ description: 'The field that limits the length of the answer.' })
      .optional(),
    developer_role: flag('The server knows the role "developer". Otherwise it gets "system".').optional(),
    stream_usage: flag('The server takes stream_options.include_usage, which makes streams report usage.').optional(),
    json_schema: flag(
      'The server takes response_format json_schema. Otherwise the schema is sent in words, and the answer is checked.',
    ).optional(),
    json_object: flag('The server takes response_format json_object. Otherwise JSON is asked for in words.').optional(),
    reasoning_effort: flag('The server takes reasoning_effort.').optional(),
    replay_reasoning: flag('The server wants earlier reasoning back, as reasoning_content.').optional(),
  })
  .meta({
    title: 'Compat',
    description: "What the server differs in. Only for kinds that speak OpenAI's chat format. Unset: as the kind does.",
  });

const appSchema = z
  .strictObject({
    url: describe(text(appUrlRule), 'Its address.').optional(),
    title: describe(text(appTitleRule), 'Its name.').optional(),
  })
  .meta({ title: 'App', description: 'How the application is named to OpenRouter.' });

const specialSettings = {
  compat: compatSchema.optional(),
  api: z
    .enum(['chat', 'responses', 'native'])
    .meta({ description: 'Which of several interfaces to speak to. Unset: the one that suits the model.' })
    .optional(),
  folder_id: describe(text(folderIdRule), 'The folder that Yandex Cloud bills.').optional(),
  app: appSchema.optional(),
  data_logging: flag('Let the provider keep requests for its own use.').optional(),
};

export const providerSchema = z
  .strictObject({
    kind: z
      .enum(kindNames)
      .meta({
        description: 'What it is. Unset: the kind that its name is the word for, else openai_compatible.',
      })
      .optional(),
    base_url: z
      .string()
      .min(1)
      .meta({
        description:
          "The address before the interface's own path, usually ending in the version. https, or http to this machine. Unset: that of the kind, if it has one.",
      })
      .optional(),
    api_key: keyReference('The key').optional(),
    api_keys: z
      .array(apiKeySchema)
      .max(100)
      .meta({ description: 'Further keys. Each call is made with one of them; one that is refused rests for a while.' })
      .default([]),
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
    max_concurrency: maxConcurrency(
      'The most calls at once with it. Further calls wait for their turn. Unset: concurrency.max.',
    ).optional(),
    ...specialSettings,
  })
  .meta({ title: 'Provider' });

export const providersSchema = z.record(text(providerNameRule), providerSchema).meta({
  title: 'Providers',
  description: 'The providers by name. Callers use the name before the slash: "groq/llama-3.3-70b-versatile".',
});

export type ProviderEntry = z.infer<typeof providerSchema>;
