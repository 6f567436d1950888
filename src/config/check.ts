import type { z } from 'zod';
import { issueProblems, issuesOfForm } from './issues.ts';
import type { Problem } from './problem.ts';
import { type FileConfig, fileSchema } from './schema.ts';
import { type Branch, type Path, valueAt, withoutKeys, withValue } from './tree.ts';

export interface Checked<Config = FileConfig> {
  /** What is left without what has a problem, with defaults: enough to go on looking for more problems. */
  readonly config: Config;
  readonly problems: readonly Problem[];
}

/** So many problems are told of a file that has more: it is probably another program's. */
const MOST_TOLD = 100;

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

/** The path itself if something is there, else the way to where something is missing. */
function whereSomethingIs(tree: Branch, path: Path): Path {
  const beginnings = path.map((_, i) => path.slice(0, i + 1));
  return beginnings.findLast((beginning) => valueAt(tree, beginning) !== undefined) ?? [];
}

/** A list is left out as a whole, however few of its entries have a problem; and so is what lacks something. */
function without(tree: Branch, issue: z.core.$ZodIssue): Branch {
  if (issue.code === 'unrecognized_keys') return withoutKeys(tree, issue.path, issue.keys);
  const inList = issue.path.findIndex((key) => typeof key === 'number');
  const path = whereSomethingIs(tree, inList < 0 ? issue.path : issue.path.slice(0, inList));
  return path.length === 0 ? {} : withValue(tree, path, undefined);
}

/** The problems that are told, and that there are more. */
function told(problems: readonly Problem[]): readonly Problem[] {
  const more = problems.length - MOST_TOLD;
  if (more <= 0) return problems;
  const problem = `has ${more} more problems`;
  return [...problems.slice(0, MOST_TOLD), { path: 'the file', problem, fix: 'See that it is the right file.' }];
}

/**
 * Checks values against the schema and finds every problem. Values that came from variables are text; `isText` tells
 * which, and they are read as numbers and booleans where the schema wants those.
 *
 * It ends for any values and any schema that takes an empty file: each step reads a text, or leaves something out.
 */
export const check = (tree: Branch, isText: (path: Path) => boolean): Checked => checkAgainst(fileSchema, tree, isText);

/** The same against any schema that takes an empty file. Errors: it does not. */
export function checkAgainst<Config>(
  schema: z.ZodType<Config>,
  tree: Branch,
  isText: (path: Path) => boolean,
): Checked<Config> {
  const problems: Problem[] = [];
  let rest = tree;
  for (;;) {
    const result = schema.safeParse(rest);
    if (result.success) return { config: result.data, problems: told(problems) };
    if (Object.keys(rest).length === 0) throw result.error;
    const wrong: z.core.$ZodIssue[] = [];
    for (const issue of result.error.issues.flatMap(issuesOfForm)) {
      const wanted = issue.code === 'invalid_type' && isText(issue.path) ? issue.expected : '';
      const meant = meaning(valueAt(rest, issue.path), wanted);
      if (meant !== undefined) rest = withValue(rest, issue.path, meant);
      else wrong.push(issue);
    }
    problems.push(...wrong.flatMap((issue) => issueProblems(issue, valueAt(tree, issue.path) === undefined)));
    // Beyond that nothing of the file can be relied on, and leaving out one thing after the other takes long.
    rest = problems.length > MOST_TOLD ? {} : wrong.reduce(without, rest);
  }
}
