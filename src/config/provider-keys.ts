import type { ApiKey } from '../core/call.ts';
import type { ProviderEntry } from './schema-providers.ts';
import type { Sources } from './sources.ts';
import type { Path } from './tree.ts';

/** Takes a problem with a field of a provider's entry. */
export type Report = (field: string | readonly PropertyKey[], problem: string, fix: string) => void;

interface Written extends ApiKey {
  /** Where its value is in the entry. */
  readonly at: Path;
}

/** The keys of a provider, that of `api_key` first. Their names are those of their variables, or given. */
export function keysOf(name: string, entry: ProviderEntry, sources: Sources, report: Report): ApiKey[] {
  const written = keysIn(name, entry, sources, report);
  const kept: Written[] = [];
  for (const key of written) {
    const same = kept.find(({ value }) => value === key.value);
    if (same) report(key.at, `is the same key as ${same.name}`, 'Remove one of them.');
    else if (kept.some((other) => other.name === key.name))
      report([...key.at.slice(0, -1), 'name'], 'is the name of another key', 'Give it another one.');
    else kept.push(key);
  }
  return kept.map((key) => ({ name: key.name, value: key.value, weight: key.weight }));
}

function keysIn(name: string, entry: ProviderEntry, sources: Sources, report: Report): Written[] {
  const source = (at: Path) => sources.variableOf(['providers', name, ...at]) ?? `${name} ${at.join(' ')}`;
  const one = ['api_key'];
  const first = entry.api_key === undefined ? [] : [{ name: source(one), value: entry.api_key, weight: 1, at: one }];
  const others = entry.api_keys.flatMap(({ key, name: given, weight }, i) => {
    const at = ['api_keys', i, 'key'];
    if (key === undefined && !sources.isReference(['providers', name, ...at]))
      report(at, 'is missing', `Write \${VAR} with the variable that holds the key.`);
    return key === undefined ? [] : [{ name: given ?? source(at), value: key, weight, at }];
  });
  return [...first, ...others];
}
