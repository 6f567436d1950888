import type { JsonObject } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/errors.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';

const DESCRIPTION = 'is set by the contract; use its own field, or leave it out';

/**
 * Puts a provider's options into a body; an object goes into the object that is there. `owned` are the paths, such as
 * "model" or "generationConfig.seed", that options may not set: the contract has a place for them, or they would let
 * another model answer than the one that governance allowed. Errors: `invalid_request` that names every such field.
 */
export function addOptions(
  body: JsonObject,
  options: JsonObject | undefined,
  provider: string,
  owned: ReadonlySet<string>,
): void {
  const clean = cleanJson(options ?? {});
  if (!isJsonObject(clean)) return;
  const refused = [...paths(clean)].filter((path) => owned.has(path));
  if (refused.length > 0) throw refusal(refused.map((path) => `provider_options["${provider}"].${path}`));
  merge(body, clean);
}

/** The paths of all fields, two levels deep: no format has its own fields deeper. */
function* paths(options: JsonObject): Iterable<string> {
  for (const [key, value] of Object.entries(options)) {
    yield key;
    if (isJsonObject(value)) for (const inner of Object.keys(value)) yield `${key}.${inner}`;
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
