import type { Reference } from './expand.ts';
import type { Variables } from './substitute.ts';
import { valueAt } from './tree.ts';
import { variableNames } from './variables.ts';

const SECRET_NAME = /key|token|secret|password|credential|auth/i;

/** Every value that must not leave: keys, what headers were made with, and what variables so named hold. */
export function secretsOf(tree: unknown, references: readonly Reference[], variables: Variables): readonly string[] {
  const providers = valueAt(tree, ['providers']);
  const keys = Object.keys(providers ?? {}).map((name) => valueAt(providers, [name, 'api_key']));
  const named = variableNames.filter((name) => name.endsWith('_API_KEY'));
  const referred = references
    .filter(({ variable, path }) => SECRET_NAME.test(variable) || path.includes('headers') || path.includes('api_key'))
    .map(({ variable }) => variable);
  const values = [...keys, ...[...named, ...referred].map((name) => variables.get(name))];
  return [...new Set(values.filter((value) => typeof value === 'string'))];
}
