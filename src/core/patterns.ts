import type { Target } from './call.ts';

/** Whether a model is one of those that some patterns name. */
export type ModelMatcher = (target: Target) => boolean;

type Matches = (text: string) => boolean;

/** No regular expression is made of a pattern, so that no pattern can take long. */
function glob(pattern: string): Matches {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= text.length - last.length;
  };
}

/**
 * Makes a matcher from patterns such as "gpt-5", "openai/gpt-5", "openai/*" and "*".
 *
 * "*" stands for any text, also none and also with "/" in it; all else stands for itself, in the same case. A pattern
 * matches a model if it matches the whole of "provider/id" or the whole of "id". Ids may have a "/" themselves, so
 * "vendor/*" also matches the ids that begin with "vendor/" at any provider. No patterns match nothing.
 */
export function modelPatterns(patterns: readonly string[]): ModelMatcher {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const globs = patterns.filter((pattern) => pattern.includes('*')).map(glob);
  const matches: Matches = (text) => exact.has(text) || globs.some((match) => match(text));
  return ({ provider, model }) => matches(`${provider}/${model}`) || matches(model);
}
