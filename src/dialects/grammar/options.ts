import type { JsonObject } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/errors.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';

const DESCRIPTION = 'is set by the contract; use its own field, or leave it out';

/**
 * Puts a provider's options into a body; an object goes into the object that is there. `owned` are the paths, such as
 * "model" or "generationConfig.seed", that options may not set: the contract has a place for them, or they would let
 * another model answer than the one that governance allowed. What holds one can only be an object. Errors:
 * `invalid_request` that names every such field.
 */
export function addOptions(
  body: JsonObject,
  options: JsonObject | undefined,
  provider: string,
  owned: ReadonlySet<string>,
): void {
  const clean = cleanJson(options ?? {});
  if (!isJsonObject(clean)) return;
  const refused = [...ownedIn(clean, owned)];
  if (refused.length > 0) throw refusal(refused.map((path) => `provider_options["${provider}"].${path}`));
  merge(body, clean);
}

/** The paths of what may not be set, two levels deep: no format has its own fields deeper. */
function* ownedIn(options: JsonObject, owned: ReadonlySet<string>): Iterable<string> {
  const holders = new Set([...owned].map((path) => path.replace(/\..*/, '')));
  for (const [key, value] of Object.entries(options)) {
    if (owned.has(key) || (holders.has(key) && !isJsonObject(value))) yield key;
    const inner = isJsonObject(value) ? Object.keys(value) : [];
    yield* inner.map((name) => `${key}.${name}`).filter((path) => owned.has(path));
  }
}

function merge(into: JsonObject, from: JsonObject): void {
  for (const [key, value] of Object.entries(from)) {
    const there = Object.hasOwn(into, key) ? into[key] : undefined;
    into[key] = isJsonObject(there) && isJsonObject(value) ? { ...there, ...value } : value;
  }
}

const refusal = (fields: readonly string[]) =>
  new GatewayError('invalid_request', `${fields[0]} ${DESCRIPTION}.`, {
    violations: fields.map((field) => ({ field, description: DESCRIPTION })),
  });
