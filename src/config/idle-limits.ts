import type { AccessSettings } from '../access/key-record.ts';
import { anonymous } from '../core/call.ts';
import type { FileConfig } from './schema.ts';
import { similar } from './similar.ts';

/** Of each other one, as a name in a table of limits. */
const EACH = '*';

/**
 * Limits that nobody has. A team or a provider may be misspelt; a key may have been made while the gateway runs, so
 * that it is not known here.
 */
export function idleLimits(
  { quotas }: Pick<FileConfig, 'quotas'>,
  { keys, teams }: Pick<AccessSettings, 'keys' | 'teams'>,
  providers: readonly string[],
): readonly string[] {
  const keyNames = [...keys.map(({ name }) => name), anonymous.name];
  return [
    ...unknown('quotas.teams', Object.keys(quotas.teams), [...teams.keys()], 'is no team of access.teams'),
    ...unknown('quotas.keys', Object.keys(quotas.keys), keyNames, 'is no key of the configuration'),
    ...unknown('quotas.models', providersOf(Object.keys(quotas.models)), providers, 'is no provider that is on'),
  ];
}

const providersOf = (models: readonly string[]): readonly string[] => [
  ...new Set(models.map((model) => model.split('/', 1)[0] ?? '')),
];

const unknown = (place: string, names: readonly string[], known: readonly string[], what: string): readonly string[] =>
  names
    .filter((name) => name !== EACH && !known.includes(name))
    .map((name) => {
      const meant = similar(name, known);
      return `${place} has limits of ${name}, which ${what}${meant === undefined ? '.' : `: did you mean ${meant}?`}`;
    });
