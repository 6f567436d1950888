import { z } from 'zod';
import { bytes, cacheSecretRule, durationMs, flag, number, requestTypeRule, text, whole } from './fields.ts';
import { ONLY_REFERENCE } from './substitute.ts';

const MIB = 1024 * 1024;

export const cacheSchema = z
  .strictObject({
    enabled: flag('Keep answers, and give them again to calls that ask the same.').default(false),
    max_bytes: bytes('How large the answers in one process may be together, in bytes.').default(100 * MIB),
    max_entries: whole(1, 10_000_000, 'The most answers in one process.').default(1000),
    max_answer_bytes: bytes('The largest answer that is kept, in bytes.').default(MIB),
    ttl_ms: durationMs(1, 'How long an answer is kept, unless the call, a rule or its kind of task says so.').default(
      3_600_000,
    ),
    max_temperature: number(
      0,
      2,
      'Calls of a higher temperature use the cache only if they ask for it. One without a temperature counts as 2.',
    ).default(0),
    request_types: z
      .record(text(requestTypeRule), durationMs(1, 'How long an answer is kept.'))
      .meta({ description: 'By the kind of task: how long answers are kept.' })
      .default({}),
    single_flight: flag('Equal calls that are under way at once share one answer.').default(true),
    shared_wait_ms: durationMs(
      0,
      'How long a call waits for the answer that another process is asking for, where they share a store. 0: it does not.',
    ).default(10_000),
    secret: text(cacheSecretRule)
      .meta({
        pattern: ONLY_REFERENCE.source,
        description: `Makes the keys of answers, so that whoever reads them cannot try out guesses, as a reference to a variable: \${VAR}. The same in all processes that share a store.`,
      })
      .optional(),
    warm_up: z
      .string()
      .min(1)
      .max(4096)
      .meta({ description: 'The path of a file of answers to begin with: see docs/cache.md.' })
      .optional(),
  })
  .meta({ title: 'Cache', description: 'Answers that are kept and given again.' });

export type CacheEntry = z.infer<typeof cacheSchema>;
