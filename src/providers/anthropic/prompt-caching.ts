import type { PromptCaching } from '../../core/prompt-caching.ts';

/**
 * The shortest prefixes that are kept, in tokens; the first row that fits counts. A mark on a shorter one has no effect and
 * no cost, so that a wrong row does no harm.
 *
 * Source: the list of models of github.com/BerriAI/litellm (2026-11-21). That a mark on less has no effect is inferred.
 */
const rows: readonly (readonly [RegExp, number])[] = [
  [/(?:fable|opus)-5(?!-\d{1,2}\b)/, 512],
  [/opus-4-[78]\b/, 2048],
  [/opus-4-[56]\b|haiku-4-5\b/, 4096],
];

const parts: NonNullable<PromptCaching['marks']>['parts'] = new Set([
  'text',
  'image',
  'document',
  'toolCall',
  'toolResult',
]);

/** What is marked is kept for five minutes, and for five more whenever it is read. */
export const promptCaching = (model: string): PromptCaching => {
  const minTokens = rows.find(([pattern]) => pattern.test(model))?.[1] ?? 1024;
  return { marks: { minTokens, ttlMs: 5 * 60_000, parts }, key: undefined };
};
