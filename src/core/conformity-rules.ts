import { asArray, asCount, asObject, type UnknownObject } from './json.ts';

/** Holds a value against a schema that is part of the one that is being checked. */
export interface Checker {
  fits(value: unknown, schema: unknown): boolean;
  /** Counts work. Errors: it is too much. */
  step(count?: number): void;
  /** Does what may lead to itself again. Errors: it leads too deep. */
  deeper<T>(work: () => T): T;
  /** What a reference leads to. Errors: nothing. */
  resolve(reference: unknown): unknown;
}

/** Whether a value keeps to one keyword. `operand` is what the schema says under it, of any shape. */
type Rule = (check: Checker, value: unknown, operand: unknown, schema: UnknownObject) => boolean;

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  string: (value) => typeof value === 'string',
  array: (value) => Array.isArray(value),
  object: (value) => asObject(value) !== undefined,
};

const isOfType = (value: unknown, name: unknown): boolean =>
  typeof name === 'string' && Object.hasOwn(types, name) && types[name]?.(value) === true;

/** The same text for values that JSON Schema takes for equal. */
function canonical(check: Checker, value: unknown): string {
  check.step();
  if (Array.isArray(value)) return check.deeper(() => `[${value.map((item) => canonical(check, item)).join()}]`);
  const entries = entriesOf(check, value);
  if (entries) {
    const texts = check.deeper(() =>
      entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(check, inner)}`),
    );
    return `{${texts.sort().join()}}`;
  }
  if (typeof value === 'string') check.step(value.length >> 4);
  return JSON.stringify(value);
}

/** A rule for numbers with a bound; other values keep to it, and so does anything if the bound is none. */
const numeric =
  (holds: (value: number, bound: number) => boolean): Rule =>
  (_, value, bound) =>
    typeof value !== 'number' || typeof bound !== 'number' || holds(value, bound);

/** A rule for the size of something. `sizeOf` is undefined for values that have none. */
const sized =
  (
    sizeOf: (value: unknown, check: Checker) => number | undefined,
    holds: (size: number, bound: number) => boolean,
  ): Rule =>
  (check, value, operand) => {
    const bound = asCount(operand);
    const size = bound === undefined ? undefined : sizeOf(value, check);
    return bound === undefined || size === undefined || holds(size, bound);
  };

const atLeast = (value: number, bound: number): boolean => value >= bound;
const atMost = (value: number, bound: number): boolean => value <= bound;

const characters = (value: unknown, check: Checker): number | undefined => {
  if (typeof value !== 'string') return undefined;
  check.step(value.length >> 4);
  return [...value].length;
};
const items = (value: unknown): number | undefined => (Array.isArray(value) ? value.length : undefined);
const properties = (value: unknown, check: Checker): number | undefined => entriesOf(check, value)?.length;

/** The entries of an object; undefined: it is none. */
function entriesOf(check: Checker, value: unknown): [string, unknown][] | undefined {
  const object = asObject(value);
  if (!object) return undefined;
  const entries = Object.entries(object);
  check.step(entries.length);
  return entries;
}

const hasAll = (check: Checker, value: UnknownObject, names: unknown): boolean =>
  asArray(names).every((name) => {
    check.step();
    return typeof name !== 'string' || Object.hasOwn(value, name);
  });

/** A rule about the properties that another one is there for. */
const dependent =
  (holds: (check: Checker, value: UnknownObject, needed: unknown) => boolean): Rule =>
  (check, value, operand) => {
    const object = asObject(value);
    const rules = entriesOf(check, operand) ?? [];
    return !object || rules.every(([name, needed]) => !Object.hasOwn(object, name) || holds(check, object, needed));
  };

const matches = (check: Checker, value: unknown, schemas: unknown): number =>
  asArray(schemas).filter((schema) => check.fits(value, schema)).length;

function contains(check: Checker, value: unknown, operand: unknown, schema: UnknownObject): boolean {
  if (!Array.isArray(value)) return true;
  const found = value.filter((item) => check.fits(item, operand)).length;
  return found >= (asCount(schema.minContains) ?? 1) && found <= (asCount(schema.maxContains) ?? found);
}

function additionalProperties(check: Checker, value: unknown, operand: unknown, schema: UnknownObject): boolean {
  // Which names the regular expressions take is not found out, so any may be one of those.
  if (schema.patternProperties !== undefined) return true;
  const named = asObject(schema.properties) ?? {};
  const others = entriesOf(check, value)?.filter(([name]) => !Object.hasOwn(named, name)) ?? [];
  return others.every(([, inner]) => check.fits(inner, operand));
}

/** The items after those that have schemas of their own. Older drafts have a list here instead of `prefixItems`. */
function laterItems(check: Checker, value: unknown, operand: unknown, schema: UnknownObject): boolean {
  if (!Array.isArray(value)) return true;
  if (Array.isArray(operand)) return firstItems(check, value, operand);
  return value.slice(asArray(schema.prefixItems).length).every((item) => check.fits(item, operand));
}

function firstItems(check: Checker, value: unknown, operand: unknown): boolean {
  if (!Array.isArray(value)) return true;
  const schemas = asArray(operand).slice(0, value.length);
  check.step(schemas.length);
  return schemas.every((schema, i) => check.fits(value[i], schema));
}

function uniqueItems(check: Checker, value: unknown, operand: unknown): boolean {
  if (operand !== true || !Array.isArray(value)) return true;
  return new Set(value.map((item) => canonical(check, item))).size === value.length;
}

function isMultiple(value: number, divisor: number): boolean {
  const times = value / divisor;
  return divisor <= 0 || Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}

/**
 * The keywords of JSON Schema that are looked at. Those about unevaluated parts are not, nor `format`, nor any regular
 * expression: a caller's could stop the gateway.
 *
 * Source: https://json-schema.org/draft/2020-12/json-schema-validation (2026-11-21).
 */
const table: Readonly<Record<string, Rule>> = {
  $ref: (check, value, reference) => check.fits(value, check.resolve(reference)),
  type: (check, value, names) => {
    const several = Array.isArray(names) ? names : [names];
    check.step(several.length);
    return several.some((name) => isOfType(value, name));
  },
  enum: (check, value, options) => {
    if (!Array.isArray(options)) return true;
    const text = canonical(check, value);
    return options.some((option) => canonical(check, option) === text);
  },
  const: (check, value, wanted) => canonical(check, value) === canonical(check, wanted),
  minimum: numeric(atLeast),
  maximum: numeric(atMost),
  exclusiveMinimum: numeric((value, bound) => value > bound),
  exclusiveMaximum: numeric((value, bound) => value < bound),
  multipleOf: numeric(isMultiple),
  minLength: sized(characters, atLeast),
  maxLength: sized(characters, atMost),
  minItems: sized(items, atLeast),
  maxItems: sized(items, atMost),
  minProperties: sized(properties, atLeast),
  maxProperties: sized(properties, atMost),
  required: (check, value, names) => hasAll(check, asObject(value) ?? {}, asObject(value) ? names : []),
  dependentRequired: dependent(hasAll),
  dependentSchemas: dependent((check, value, schema) => check.fits(value, schema)),
  allOf: (check, value, schemas) => asArray(schemas).every((schema) => check.fits(value, schema)),
  anyOf: (check, value, schemas) => !Array.isArray(schemas) || schemas.some((schema) => check.fits(value, schema)),
  oneOf: (check, value, schemas) => !Array.isArray(schemas) || matches(check, value, schemas) === 1,
  not: (check, value, schema) => !check.fits(value, schema),
  if: (check, value, condition, schema) =>
    check.fits(value, (check.fits(value, condition) ? schema.then : schema.else) ?? true),
  properties: (check, value, operand) => {
    const object = asObject(value);
    const schemas = object ? entriesOf(check, operand) : [];
    return (schemas ?? []).every(
      ([name, schema]) => !object || !Object.hasOwn(object, name) || check.fits(object[name], schema),
    );
  },
  additionalProperties,
  propertyNames: (check, value, schema) => (entriesOf(check, value) ?? []).every(([name]) => check.fits(name, schema)),
  prefixItems: firstItems,
  items: laterItems,
  contains,
  uniqueItems,
};

/** By keyword; undefined: it says nothing about what fits. */
export const ruleOf = (keyword: string): Rule | undefined =>
  Object.hasOwn(table, keyword) ? table[keyword] : undefined;
