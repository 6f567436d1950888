import { providerNameRule } from './fields.ts';
import type { Problem } from './problem.ts';
import type { Variables } from './substitute.ts';
import { type Branch, isBranch, type Path, pathText, valueAt, withValue } from './tree.ts';
import { type PlacedVariable, placedVariables, providerVariable } from './variables.ts';

/** The file with the environment laid over it. */
export interface Overlaid {
  readonly tree: Branch;
  /** Which variable a value came from, by the text of its path. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** The provider that LLM_BASE_URL switches on if LLM_PROVIDER gives it no name. */
export const UNNAMED_PROVIDER = 'openai_compatible';

const MAX_SECONDS = 24 * 60 * 60;
const MAX_RETRIES = 10;

interface Placement {
  readonly path: Path;
  readonly variable: string;
  readonly value: unknown;
}

function secondsProblem(text: string, variable: string): Problem | undefined {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.001 && seconds <= MAX_SECONDS) return undefined;
  return {
    path: variable,
    problem: 'is not a number of seconds',
    fix: 'Write seconds, more than 0 and at most 86,400 (a day), such as 60 or 2.5.',
  };
}

function retriesProblem(text: string): Problem | undefined {
  if (/^\d{1,2}$/.test(text) && Number(text) <= MAX_RETRIES) return undefined;
  return { path: 'LLM_MAX_RETRIES', problem: 'is not a number of retries', fix: 'Write a whole number from 0 to 10.' };
}

const items = (text: string) => text.split(',').flatMap((item) => item.trim() || []);

function readValue(text: string, { reading }: PlacedVariable): unknown {
  if (reading === 'list') return items(text);
  return reading === 'seconds' ? Math.round(Number(text) * 1000) : text;
}

/** The provider that LLM_BASE_URL and LLM_API_KEY are about. */
function namedProvider(tree: Branch, variables: Variables): string | undefined {
  const name = variables.get('LLM_PROVIDER');
  if (name !== undefined) return providerNameRule.pattern.test(name) ? name : undefined;
  if (variables.has('LLM_BASE_URL')) return UNNAMED_PROVIDER;
  const fromFile = valueAt(tree, ['models', 'default_provider']);
  return typeof fromFile === 'string' ? fromFile : undefined;
}

function providerPlacements(tree: Branch, variables: Variables): Placement[] {
  const placements: Placement[] = [];
  const put = (provider: string, field: string, variable: string) => {
    const value = variables.get(variable);
    if (value !== undefined) placements.push({ path: ['providers', provider, field], variable, value });
  };
  const named = namedProvider(tree, variables);
  if (named !== undefined) put(named, 'base_url', 'LLM_BASE_URL');
  if (named !== undefined) put(named, 'api_key', 'LLM_API_KEY');
  const inFile = Object.keys(isBranch(tree.providers) ? tree.providers : {});
  for (const provider of inFile.filter((name) => name !== 'llm' && name !== 'mock'))
    put(provider, 'base_url', providerVariable(provider, 'BASE_URL'));
  put('openai', 'base_url', 'OPENAI_BASE_URL');
  put('openai', 'api_key', 'OPENAI_API_KEY');
  return placements;
}

function fixedPlacements(variables: Variables, problems: Problem[]): Placement[] {
  return placedVariables.flatMap((variable) => {
    const text = variables.get(variable.name);
    if (text === undefined) return [];
    const problem = variable.reading === 'seconds' ? secondsProblem(text, variable.name) : undefined;
    if (problem) problems.push(problem);
    return problem ? [] : [{ path: variable.path, variable: variable.name, value: readValue(text, variable) }];
  });
}

/** Lays the environment over the file: what is set there wins. */
export function overlay(file: Branch, variables: Variables): Overlaid {
  const retries = variables.get('LLM_MAX_RETRIES');
  const retriesWrong = retries === undefined ? undefined : retriesProblem(retries);
  const problems: Problem[] = retriesWrong ? [retriesWrong] : [];
  const placements = [...fixedPlacements(variables, problems), ...providerPlacements(file, variables)];
  const tree = placements.reduce((all, { path, value }) => withValue(all, path, value), file);
  const origins = new Map(placements.map(({ path, variable }) => [pathText(path), variable]));
  return { tree, origins, problems };
}
