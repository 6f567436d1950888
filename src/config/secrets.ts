import type { Reference } from './expand.ts';
import { allKeyVariables } from './kinds.ts';
import type { Variables } from './substitute.ts';
import { valueAt } from './tree.ts';

const SECRET_NAME = /key|token|secret|password|credential|auth/i;
const SECRET_PLACES = ['headers', 'api_key', 'api_keys'];

/** The keys of one provider's entry. */
function keysIn(entry: unknown): unknown[] {
  const list = valueAt(entry, ['api_keys']);
  return [valueAt(entry, ['api_key']), ...(Array.isArray(list) ? list.map((item) => valueAt(item, ['key'])) : [])];
}

/** Every value that must not leave: keys, what headers were made with, and what variables and files so named hold. */
export function secretsOf(tree: unknown, references: readonly Reference[], variables: Variables): readonly string[] {
  const providers = valueAt(tree, ['providers']);
  const keys = Object.keys(providers ?? {}).flatMap((name) => keysIn(valueAt(providers, [name])));
  const referred = references
    .filter(({ name, path }) => SECRET_NAME.test(name) || SECRET_PLACES.some((place) => path.includes(place)))
    .map(({ value }) => value);
  const values = [...keys, ...allKeyVariables.map((name) => variables.get(name)), ...referred];
  return [...new Set(values.filter((value) => typeof value === 'string'))];
}
