import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { asString } from '../../core/json.ts';
import { isJsonObject } from '../../wire/json.ts';
import { isCircular } from './circular.ts';
import { inWords, isEnforced, isNote, isScalar } from './schema-keywords.ts';

/** A schema that the provider can keep an answer to. */
export interface ClosedSchema {
  readonly schema: JsonObject;
  /** Whether rules that it cannot enforce became words of the description, or looser. */
  readonly moved: boolean;
  /** Whether an object that could have had other properties was closed. */
  readonly closed: boolean;
}

/**
 * A schema as structured outputs take it: every object is closed, `oneOf` is `anyOf`, and rules that are not enforced
 * stand in the description. Undefined for what has no such form: an object whose properties are not all named in one
 * place, a reference that leads back to itself or elsewhere or has rules beside it, and a schema that is only true or
 * false.
 */
export function closedSchema(schema: JsonObject): ClosedSchema | undefined {
  const closing = new Closing();
  const closed = closing.close(schema, '#');
  if (!closed || isCircular(closing.references)) return undefined;
  return { schema: closed, moved: closing.moved, closed: closing.closed };
}

type Form = 'one' | 'list' | 'named';

/** What a keyword holds: a schema, a list of them, or some by name. */
const forms: ReadonlyMap<string, Form> = new Map([
  ['items', 'one'],
  ['anyOf', 'list'],
  ['oneOf', 'list'],
  ['allOf', 'list'],
  ['properties', 'named'],
  ['$defs', 'named'],
  ['definitions', 'named'],
]);

class Closing {
  moved = false;
  closed = false;
  /** Which definitions a definition refers to. */
  readonly references = new Map<string, Set<string>>();

  /** `within` is the definition that the schema belongs to. */
  close(schema: JsonValue | undefined, within: string): JsonObject | undefined {
    if (!isJsonObject(schema)) return undefined;
    if (typeof schema.$ref === 'string') return this.#reference(schema.$ref, schema, within);
    if (isScattered(schema)) return undefined;
    const closed: JsonObject = {};
    for (const [keyword, value] of Object.entries(schema)) {
      const form = forms.get(keyword);
      if (form && !this.#inner(closed, keyword, form, value, within)) return undefined;
      if (keyword === 'oneOf') this.moved = true;
      if (isEnforced(keyword, value)) closed[keyword] = value;
    }
    this.#describe(closed, schema);
    return isObject(schema) ? this.#closeObject(closed, schema) : closed;
  }

  /** Adds words for the rules that are not enforced. */
  #describe(closed: JsonObject, schema: JsonObject): void {
    const others = Object.entries(schema).filter(
      ([keyword]) => !forms.has(keyword) && keyword !== 'additionalProperties',
    );
    const { words, moved } = inWords(others);
    this.moved ||= moved;
    if (words !== '')
      closed.description = [asString(schema.description), words].filter((one) => one !== '').join('\n\n');
  }

  #reference(to: string, { $ref, $defs, definitions, ...rest }: JsonObject, within: string): JsonObject | undefined {
    if (!/^#\/(?:\$defs|definitions)\/[^/]+$/.test(to) || !Object.keys(rest).every(isNote)) return undefined;
    this.references.set(within, (this.references.get(within) ?? new Set()).add(to));
    const closed: JsonObject = { $ref: to };
    const fits = Object.entries({ $defs, definitions }).every(
      ([keyword, value]) => value === undefined || this.#inner(closed, keyword, 'named', value, within),
    );
    return fits ? closed : undefined;
  }

  /** Puts the schemas that a keyword holds, closed, into the closed one. False: one of them cannot be. */
  #inner(into: JsonObject, keyword: string, form: Form, value: JsonValue, within: string): boolean {
    const defines = keyword === '$defs' || keyword === 'definitions';
    const named = form === 'one' ? [['', value] as const] : isScalar(value) ? [] : Object.entries(value);
    const closed: [string, JsonObject][] = [];
    for (const [name, schema] of named) {
      const one = this.close(schema, defines ? `#/${keyword}/${name}` : within);
      if (!one) return false;
      closed.push([name, one]);
    }
    const list = closed.map(([, schema]) => schema);
    into[keyword === 'oneOf' ? 'anyOf' : keyword] =
      form === 'named' ? Object.fromEntries(closed) : form === 'list' ? list : (list[0] ?? {});
    return true;
  }

  #closeObject(closed: JsonObject, { properties, additionalProperties: more }: JsonObject): JsonObject | undefined {
    const named = isJsonObject(properties) && Object.keys(properties).length > 0;
    if (more !== false && (!named || isJsonObject(more))) return undefined;
    if (more !== false) this.closed = true;
    return { ...closed, properties: closed.properties ?? {}, additionalProperties: false };
  }
}

const isObject = ({ type, properties }: JsonObject): boolean =>
  type === 'object' || properties !== undefined || (Array.isArray(type) && type.includes('object'));

/** Its properties may stand in several places, each of which would be closed to those of the others. */
const isScattered = ({ properties, anyOf, oneOf, allOf }: JsonObject): boolean =>
  [properties, anyOf, oneOf, allOf].filter((place) => place !== undefined).length > 1 ||
  (Array.isArray(allOf) && allOf.length > 1);
