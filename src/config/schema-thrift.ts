import { z } from 'zod';
import { cacheSecretRule, text, whole } from './fields.ts';
import { ONLY_REFERENCE } from './substitute.ts';

/** What a rule may say of requests that do not fit. */
export const contextSchema = z
  .union([
    z.enum(['reject', 'trim_oldest', 'clamp_max_tokens']),
    z
      .array(z.enum(['trim_oldest', 'clamp_max_tokens']))
      .min(1)
      .max(2),
  ])
  .meta({
    description:
      'What is done with a request that does not fit into the context of its model, where that is known: reject, trim_oldest, clamp_max_tokens, or a list of the last two. Unset: nothing.',
  });

/** What a rule may say of providers' prompt caches. */
export const promptCacheSchema = z.enum(['auto']).meta({
  description:
    "Tell providers what to keep in their prompt caches, where the caller does not: beginnings that come again. Unset: only the caller's hints are sent.",
});

export const thriftSchema = z
  .strictObject({
    margin_percent: whole(
      0,
      300,
      'Input is estimated: where messages are left out or max_tokens is lowered, it is taken for so much more, in per cent.',
    ).default(10),
    answer_tokens: whole(
      1,
      1_000_000,
      'Room for the answer, where the request does not set max_tokens or a rule may lower it.',
    ).default(1024),
    max_prefixes: whole(
      1,
      1_000_000,
      'The most beginnings of prompts that one process remembers for each provider.',
    ).default(10_000),
    secret: text(cacheSecretRule)
      .meta({
        pattern: ONLY_REFERENCE.source,
        description: `Makes the prompt_cache_key of calls, as a reference to a variable: \${VAR}. The same in all processes that are to have the same keys. Unset: each process has its own.`,
      })
      .optional(),
  })
  .meta({ title: 'Thrift', description: 'What spares tokens, where a rule of the routing says so.' });

export type ThriftEntry = z.infer<typeof thriftSchema>;
export type ContextEntry = z.infer<typeof contextSchema>;
