import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { asArray, asString } from '../../core/json.ts';
import { isJsonObject } from '../../wire/json.ts';

/**
 * A tool's schema as the API takes it: of the type "object", and without `allOf`, `anyOf` and `oneOf` at the root. The
 * properties that stand in these become the root's own, required where each member requires them; the whole choice goes
 * into the description.
 */
export function inputSchema(schema: JsonObject): { readonly schema: JsonObject; readonly flattened: boolean } {
  const { allOf, anyOf, oneOf, ...rest } = schema;
  const root = { type: 'object', ...rest };
  const lists = [allOf, anyOf, oneOf].map((choice) => members(choice, schema.$defs));
  if (lists.every((list) => list.length === 0)) return { schema: root, flattened: false };
  const [all = [], ...choices] = lists;
  const required = new Set([...[root, ...all].flatMap(requiredBy), ...choices.flatMap(requiredByEach)]);
  const said = JSON.stringify({ allOf, anyOf, oneOf });
  return {
    schema: {
      ...root,
      description: `${asString(schema.description)}\nThe arguments also have to fit ${said}`.trim(),
      properties: properties([root, ...lists.flat()]),
      ...(required.size > 0 ? { required: [...required] } : {}),
    },
    flattened: true,
  };
}

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {});

/** The schemas of a choice; for a reference to a definition, the definition. */
function members(choice: JsonValue | undefined, definitions: JsonValue | undefined): JsonObject[] {
  const list = Array.isArray(choice) ? choice : [];
  return list.map((member) => {
    const name = /^#\/\$defs\/([^/]+)$/.exec(asString(objectOf(member).$ref))?.[1];
    return objectOf(name === undefined ? member : objectOf(definitions)[name]);
  });
}

const requiredBy = ({ required }: JsonObject): string[] => asArray(required).map(asString);

function requiredByEach([first, ...others]: readonly JsonObject[]): string[] {
  const byOthers = others.map((other) => new Set(requiredBy(other)));
  return first ? requiredBy(first).filter((name) => byOthers.every((names) => names.has(name))) : [];
}

/** Every property that one of them has. One that they describe in several ways may be any of these. */
function properties(schemas: readonly JsonObject[]): JsonObject {
  const ways = new Map<string, Map<string, JsonValue>>();
  for (const schema of schemas)
    for (const [name, way] of Object.entries(objectOf(schema.properties))) {
      const known = ways.get(name) ?? new Map<string, JsonValue>();
      ways.set(name, known.set(JSON.stringify(way), way));
    }
  return Object.fromEntries([...ways].map(([name, known]) => [name, either([...known.values()])]));
}

const either = (ways: JsonValue[]): JsonValue => (ways.length === 1 ? (ways[0] ?? {}) : { anyOf: ways });
