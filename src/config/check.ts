import type { z } from 'zod';
import { issueProblems } from './issues.ts';
import type { Problem } from './problem.ts';
import { type FileConfig, fileSchema } from './schema.ts';
import { type Branch, type Path, valueAt, withValue } from './tree.ts';

export interface Checked {
  /** What is left without what has a problem, with defaults: enough to go on looking for more problems. */
  readonly config: FileConfig;
  readonly problems: readonly Problem[];
}

const flags: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  false: false,
  '0': false,
  no: false,
};

const NUMBER = /^-?\d{1,15}(?:\.\d{1,15})?$/;

/** What a variable's text means where a number or a boolean is wanted. Undefined: nothing. */
function meaning(value: unknown, expected: string): unknown {
  if (typeof value !== 'string') return undefined;
  if (expected === 'boolean') return flags[value.toLowerCase()];
  if (expected === 'number' || expected === 'int') return NUMBER.test(value) ? Number(value) : undefined;
  return undefined;
}

/** A list is left out as a whole, however few of its entries have a problem. */
function without(tree: Branch, issue: z.core.$ZodIssue): Branch {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.reduce((rest, key) => withValue(rest, [...issue.path, key], undefined), tree);
  const inList = issue.path.findIndex((key) => typeof key === 'number');
  return withValue(tree, inList < 0 ? issue.path : issue.path.slice(0, inList), undefined);
}

/**
 * Checks values against the schema and finds every problem. Values that came from variables are text; `isText` tells
 * which, and they are read as numbers and booleans where the schema wants those.
 */
export function check(tree: Branch, isText: (path: Path) => boolean): Checked {
  const problems: Problem[] = [];
  let rest = tree;
  for (;;) {
    const result = fileSchema.safeParse(rest);
    if (result.success) return { config: result.data, problems };
    for (const issue of result.error.issues) {
      const wanted = issue.code === 'invalid_type' && isText(issue.path) ? issue.expected : '';
      const meant = meaning(valueAt(rest, issue.path), wanted);
      if (meant === undefined) problems.push(...issueProblems(issue));
      rest = meant === undefined ? without(rest, issue) : withValue(rest, issue.path, meant);
    }
  }
}
