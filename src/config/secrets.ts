import { accessSecrets } from './access-variables.ts';
import type { Reference } from './expand.ts';
import { allKeyVariables } from './kinds.ts';
import { storeSecrets } from './store.ts';
import type { Variables } from './substitute.ts';
import { valueAt } from './tree.ts';

const SECRET_NAME = /key|token|secret|password|credential|auth/i;
const SECRET_PLACES = ['headers', 'api_key', 'api_keys'];

/** The keys of one provider's entry. */
function keysIn(entry: unknown): unknown[] {
  const list = valueAt(entry, ['api_keys']);
  return [valueAt(entry, ['api_key']), ...(Array.isArray(list) ? list.map((item) => valueAt(item, ['key'])) : [])];
}

/** Those of callers that the file refers to. */
function callerKeysIn(tree: unknown): unknown[] {
  const list = valueAt(tree, ['access', 'keys']);
  return Array.isArray(list) ? list.map((item) => valueAt(item, ['key'])) : [];
}

/** Every value that must not leave: keys, what headers were made with, and what variables and files so named hold. */
export function secretsOf(tree: unknown, references: readonly Reference[], variables: Variables): readonly string[] {
  const providers = valueAt(tree, ['providers']);
  const keys = Object.keys(providers ?? {}).flatMap((name) => keysIn(valueAt(providers, [name])));
  const referred = references
    .filter(({ name, path }) => SECRET_NAME.test(name) || SECRET_PLACES.some((place) => path.includes(place)))
    .map(({ value }) => value);
  const variableNames = [...allKeyVariables, ...accessSecrets];
  const ofVariables = variableNames.map((name) => variables.get(name));
  const values = [
    ...keys,
    ...callerKeysIn(tree),
    valueAt(tree, ['cache', 'secret']),
    valueAt(tree, ['thrift', 'secret']),
    ...ofVariables,
    ...referred,
    ...storeSecrets(tree),
  ];
  return [...new Set(values.filter((value) => typeof value === 'string'))];
}
