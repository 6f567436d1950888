import { asObject, type UnknownObject } from '../../core/json.ts';
import type { Violations } from '../../services/validate/violations.ts';

const MAX_COUNT = 2 ** 32 - 1;

/** Reads what a caller wrote as JSON. What has another shape is told to `found`, and counts as not there; so does null. */
export class Fields {
  readonly found: Violations;

  constructor(found: Violations) {
    this.found = found;
  }

  text(value: unknown, path: string): string | undefined {
    return this.#read(value, path, typeof value === 'string', 'must be a string') as string | undefined;
  }

  number(value: unknown, path: string): number | undefined {
    return this.#read(value, path, typeof value === 'number', 'must be a number') as number | undefined;
  }

  flag(value: unknown, path: string): boolean | undefined {
    return this.#read(value, path, typeof value === 'boolean', 'must be true or false') as boolean | undefined;
  }

  /** A whole number from 0. */
  count(value: unknown, path: string): number | undefined {
    const holds = Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_COUNT;
    return this.#read(value, path, holds, 'must be a whole number from 0') as number | undefined;
  }

  object(value: unknown, path: string): UnknownObject | undefined {
    return this.#read(value, path, asObject(value) !== undefined, 'must be an object') as UnknownObject | undefined;
  }

  list(value: unknown, path: string): readonly unknown[] {
    return (this.#read(value, path, Array.isArray(value), 'must be a list') as unknown[] | undefined) ?? [];
  }

  /** The objects of a list, each with its path. */
  objects(value: unknown, path: string): readonly (readonly [UnknownObject, string])[] {
    return this.list(value, path).flatMap((each, i) => {
      const object = this.object(each, `${path}[${i}]`);
      return object ? [[object, `${path}[${i}]`] as const] : [];
    });
  }

  /** The strings of a list, or the one string that stands for it. */
  texts(value: unknown, path: string): string[] {
    if (typeof value === 'string') return [value];
    return this.list(value, path).flatMap((each, i) => this.text(each, `${path}[${i}]`) ?? []);
  }

  /** One of these words. */
  choice<T>(value: unknown, path: string, choices: Readonly<Record<string, T>>): T | undefined {
    const word = this.text(value, path);
    if (word === undefined) return undefined;
    if (Object.hasOwn(choices, word)) return choices[word];
    this.found.add(path, `must be one of ${Object.keys(choices).join(', ')}`);
    return undefined;
  }

  #read(value: unknown, path: string, holds: boolean, rule: string): unknown {
    if (value === undefined || value === null) return undefined;
    if (holds) return value;
    this.found.add(path, rule);
    return undefined;
  }
}
