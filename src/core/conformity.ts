import type { Part, ResponseFormat } from '#gen/antiphon/v1/completion_pb.js';
import { type Checker, ruleOf } from './conformity-rules.ts';
import { asObject, tryParseJson, type UnknownObject } from './json.ts';

/** What an answer may cost to check: some tens of milliseconds, and far more than any honest schema needs. */
const MAX_STEPS = 500_000;
/** How deep schemas lead into each other, or an answer nests that is compared as a whole. */
const MAX_DEPTH = 512;

/**
 * Whether an answer's text is JSON that fits a schema. An answer without text fits nothing; one with tool calls is not
 * looked at. False as well if it cannot be found out: by a reference to nowhere, or within a bounded amount of work.
 * A caller's schema may be made to never end, which is why no validator is used that cannot be stopped.
 *
 * It never throws.
 */
export function conforms(parts: readonly Part[], schema: UnknownObject): boolean {
  if (parts.some(({ part }) => part.case === 'toolCall')) return true;
  const text = parts.flatMap(({ part }) => (part.case === 'text' ? [part.value] : [])).join('');
  const answer = tryParseJson(text);
  return answer !== undefined && fits(answer, schema);
}

/**
 * Whether an answer has the shape that was asked for: a JSON object, or JSON that fits a schema, as `conforms` has it.
 * Undefined: no shape was asked for.
 */
export function fitsFormat(wanted: ResponseFormat | undefined, parts: readonly Part[]): boolean | undefined {
  switch (wanted?.format.case) {
    case 'jsonObject':
      return conforms(parts, { type: 'object' });
    case 'jsonSchema':
      return conforms(parts, asObject(tryParseJson(wanted.format.value.schema)) ?? {});
    default:
      return undefined;
  }
}

/** Why it cannot be found out whether a value fits. */
class Undecided extends Error {}

function fits(value: unknown, schema: UnknownObject): boolean {
  try {
    return new Check(schema).fits(value, schema);
  } catch (thrown) {
    if (thrown instanceof Undecided) return false;
    throw thrown;
  }
}

class Check implements Checker {
  readonly #root: UnknownObject;
  #steps = 0;
  #depth = 0;

  constructor(root: UnknownObject) {
    this.#root = root;
  }

  fits(value: unknown, schema: unknown): boolean {
    this.step();
    if (typeof schema === 'boolean') return schema;
    const keywords = asObject(schema);
    if (!keywords) return true;
    return this.deeper(() => {
      const names = Object.keys(keywords);
      this.step(names.length);
      return names.every((name) => ruleOf(name)?.(this, value, keywords[name], keywords) ?? true);
    });
  }

  deeper<T>(work: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new Undecided();
    const done = work();
    this.#depth--;
    return done;
  }

  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > MAX_STEPS) throw new Undecided();
  }

  /** A JSON Pointer as a fragment, such as `#/$defs/person`. Nothing is fetched. */
  resolve(reference: unknown): unknown {
    if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) throw new Undecided();
    this.step(reference.length);
    const steps = reference.split('/').slice(1).map(unescaped);
    return steps.reduce<unknown>(child, this.#root);
  }
}

function child(parent: unknown, name: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, name)) throw new Undecided();
  return Reflect.get(parent, name);
}

function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw new Undecided();
  }
}
