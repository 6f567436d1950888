import type { FallbackConfig } from './config.ts';
import type { Problem } from './problem.ts';
import type { FileConfig } from './schema.ts';
import { suggestion } from './similar.ts';

/** The name of the answer that all get if models are switched off and none is named. */
const DEFAULT = 'default';

/** What callers get if models are switched off and nobody has said what to answer. */
const SWITCHED_OFF = 'The language models are switched off. Try again later.';

/** The names of the answers that a model may be. */
export const answerNames = ({ fallback }: Pick<FileConfig, 'fallback'>): ReadonlySet<string> =>
  new Set(Object.keys(fallback.answers));

/** The answers that need no model. With all models switched off there is always one. */
export function fallbackOf({ enabled, fallback }: Pick<FileConfig, 'enabled' | 'fallback'>): FallbackConfig {
  const answers = new Map(Object.entries(fallback.answers));
  if (enabled || fallback.always !== undefined) return { answers, always: fallback.always };
  if (!answers.has(DEFAULT)) answers.set(DEFAULT, SWITCHED_OFF);
  return { answers, always: DEFAULT };
}

export function fallbackProblems({ fallback }: Pick<FileConfig, 'fallback'>): Problem[] {
  const names = Object.keys(fallback.answers);
  if (fallback.always === undefined || names.includes(fallback.always)) return [];
  const fix = suggestion(fallback.always, names, 'Add it to fallback.answers.');
  return [{ path: 'fallback.always', problem: 'names an answer that is not there', fix }];
}
