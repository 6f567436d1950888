import { providerNameRule } from './fields.ts';
import { keyPlacements } from './key-variables.ts';
import { COMPATIBLE, MOCK, providerVariable, type VariablesOfKind, variablesOfKinds } from './kinds.ts';
import { type Placement, placement } from './placement.ts';
import type { Variables } from './substitute.ts';
import { type Branch, isBranch, type Path, valueAt } from './tree.ts';

/** What the environment says of providers, in the order of preference. Later ones win where two are of one place. */
export function providerPlacements(file: Branch, variables: Variables): Placement[] {
  const inFile = Object.keys(isBranch(file.providers) ? file.providers : {});
  const ofFile = inFile
    .filter((name) => name !== 'llm' && name !== MOCK)
    .flatMap((name) => placed(['providers', name, 'base_url'], providerVariable(name, 'BASE_URL'), variables));
  return [
    ...ofNamed(file, variables),
    ...ofFile,
    ...variablesOfKinds.flatMap((ofKind) => placementsOf(ofKind, file, variables)),
  ];
}

const placed = (path: Path, variable: string, variables: Variables): Placement[] => {
  const value = variables.get(variable);
  return value === undefined ? [] : [placement(path, value, variable)];
};

/** The provider that LLM_BASE_URL and LLM_API_KEY are about. */
function namedProvider(file: Branch, variables: Variables): string | undefined {
  const name = variables.get('LLM_PROVIDER');
  if (name !== undefined) return providerNameRule.pattern.test(name) ? name : undefined;
  if (variables.has('LLM_BASE_URL')) return COMPATIBLE;
  const fromFile = valueAt(file, ['models', 'default_provider']);
  return typeof fromFile === 'string' ? fromFile : undefined;
}

function ofNamed(file: Branch, variables: Variables): Placement[] {
  const name = namedProvider(file, variables);
  if (name === undefined) return [];
  return [
    ...placed(['providers', name, 'base_url'], 'LLM_BASE_URL', variables),
    ...placed(['providers', name, 'api_key'], 'LLM_API_KEY', variables),
  ];
}

function placementsOf(ofKind: VariablesOfKind, file: Branch, variables: Variables): Placement[] {
  const { kind, baseUrl, folderId } = ofKind;
  return [
    ...placed(['providers', kind, 'base_url'], baseUrl, variables),
    ...(folderId === undefined ? [] : placed(['providers', kind, 'folder_id'], folderId, variables)),
    ...keyPlacements(ofKind, file, variables),
  ];
}
