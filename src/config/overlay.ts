import { type Placement, placement } from './placement.ts';
import type { Problem } from './problem.ts';
import { providerPlacements } from './provider-variables.ts';
import type { Variables } from './substitute.ts';
import { type Branch, pathText, valueAt, withValue } from './tree.ts';
import { type PlacedVariable, placedVariables } from './variables.ts';

/** The file with the environment laid over it. */
export interface Overlaid {
  readonly tree: Branch;
  /** Which variable a value came from, by the text of its path. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

const MAX_SECONDS = 24 * 60 * 60;

function secondsProblem(text: string, variable: string): Problem | undefined {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.001 && seconds <= MAX_SECONDS) return undefined;
  return {
    path: variable,
    problem: 'is not a number of seconds',
    fix: 'Write seconds, more than 0 and at most 86,400 (a day), such as 60 or 2.5.',
  };
}

const items = (text: string) => text.split(',').flatMap((item) => item.trim() || []);

/** What OpenTelemetry's instrumentations take for the capture of content, besides true and false. */
const captures: Readonly<Record<string, string>> = {
  span_only: 'true',
  span_and_event: 'true',
  event_only: 'false',
  no_content: 'false',
};

function readValue(text: string, { reading }: PlacedVariable): unknown {
  if (reading === 'list') return items(text);
  if (reading === 'capture') return captures[text.toLowerCase()] ?? text;
  return reading === 'seconds' ? Math.round(Number(text) * 1000) : text;
}

function fixedPlacements(file: Branch, variables: Variables, problems: Problem[]): Placement[] {
  return placedVariables.flatMap((variable) => {
    const text = variables.get(variable.name);
    if (text === undefined || (variable.yields && valueAt(file, variable.path) !== undefined)) return [];
    const problem = variable.reading === 'seconds' ? secondsProblem(text, variable.name) : undefined;
    if (problem) problems.push(problem);
    return problem ? [] : [placement(variable.path, readValue(text, variable), variable.name)];
  });
}

/** Lays the environment over the file: what is set there wins, but for variables that yield. */
export function overlay(file: Branch, variables: Variables): Overlaid {
  const problems: Problem[] = [];
  const placements = [...fixedPlacements(file, variables, problems), ...providerPlacements(file, variables)];
  const tree = placements.reduce((all, { path, value }) => withValue(all, path, value), file);
  const origins = new Map(
    placements.flatMap(({ from }) => from.map(({ path, variable }) => [pathText(path), variable])),
  );
  return { tree, origins, problems };
}
