import { keyVariables, type VariablesOfKind } from './kinds.ts';
import { type Placement, placement } from './placement.ts';
import { referenceOf, type Variables } from './substitute.ts';
import { type Branch, type Path, valueAt } from './tree.ts';

/**
 * The keys that the variables of a kind hold: the first in the place of `api_key`, the others after those of
 * `api_keys`. Where the file refers to a variable itself, its key is not added again: the file says more of it.
 */
export function keyPlacements(ofKind: VariablesOfKind, file: Branch, variables: Variables): Placement[] {
  const entry = ['providers', ofKind.kind];
  const list = valueAt(file, [...entry, 'api_keys']) ?? [];
  if (!Array.isArray(list)) return [];
  const listed = list.map((item) => referenceOf(valueAt(item, ['key'])));
  const [first, ...others] = keyVariables(ofKind).map((names) => names.find((name) => variables.has(name)));
  const value = first === undefined || listed.includes(first) ? undefined : variables.get(first);
  const own = first === undefined || value === undefined ? [] : [placement([...entry, 'api_key'], value, first)];
  const inFile = [...listed, own.length > 0 ? undefined : referenceOf(valueAt(file, [...entry, 'api_key']))];
  const more = others.filter((name) => name !== undefined).filter((name) => !inFile.includes(name));
  return more.length === 0 ? own : [...own, longerList([...entry, 'api_keys'], list, more, variables)];
}

const longerList = (
  path: Path,
  list: readonly unknown[],
  more: readonly string[],
  variables: Variables,
): Placement => ({
  path,
  value: [...list, ...more.map((name) => ({ key: variables.get(name) }))],
  from: more.map((variable, i) => ({ path: [...path, list.length + i, 'key'], variable })),
});
