import { z } from 'zod';
import { describe, nameRule, text } from './fields.ts';

/** The facts of a call that an answer may hold, as `{{request_id}}`. */
export const placeholders: readonly string[] = ['request_type', 'source_agent', 'trace_id', 'request_id', 'reason'];

const written = placeholders.map((name) => `{{${name}}}`);

const hasUnknown = (answer: string): boolean =>
  written.reduce((rest, placeholder) => rest.replaceAll(placeholder, ''), answer).includes('{{');

const MAX_LENGTH = 16_384;

const answerSchema = z
  .string()
  .min(1)
  .max(MAX_LENGTH)
  .refine((answer) => !hasUnknown(answer), {
    error: 'has a placeholder that is not known',
    params: { fix: `Known are: ${written.join(', ')}.` },
  });

export const fallbackSchema = z
  .strictObject({
    answers: z
      .record(text(nameRule('an answer')), answerSchema)
      .meta({
        description: `The texts by name. "fallback/<name>" is a model that gives it. They may hold ${written.join(', ')}.`,
      })
      .default({}),
    always: describe(
      text(nameRule('an answer')),
      'The answer that every call ends with if no model gives one. Unset: only calls that name one do.',
    ).optional(),
  })
  .meta({ title: 'Fallback', description: 'Answers that need no model.' });

export type FallbackEntry = z.infer<typeof fallbackSchema>;
