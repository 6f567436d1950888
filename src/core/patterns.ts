import type { Target } from './target.ts';

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
 * Makes a test of whole texts from patterns, in which "*" stands for any text, also none, and all else for itself, in
 * the same case. No patterns match nothing.
 */
export function textPatterns(patterns: readonly string[]): Matches {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const globs = patterns.filter((pattern) => pattern.includes('*')).map(glob);
  return (text) => exact.has(text) || globs.some((match) => match(text));
}

/**
 * Makes a matcher from patterns such as "gpt-5", "openai/gpt-5", "openai/*" and "*".
 *
 * "*" stands for any text, also none and also with "/" in it; all else stands for itself, in the same case. A pattern
 * with "/" is held against the whole of "provider/id", one without against the id alone. So what is allowed of one
 * provider is not allowed of another that offers it under the same name: "openai/*" is not "openrouter/openai/gpt-5",
 * and an id with "/" needs its provider before it. No patterns match nothing.
 */
export function modelPatterns(patterns: readonly string[]): ModelMatcher {
  const named = textPatterns(patterns.filter((pattern) => pattern.includes('/')));
  const bare = textPatterns(patterns.filter((pattern) => !pattern.includes('/')));
  return ({ provider, model }) => named(`${provider}/${model}`) || bare(model);
}
