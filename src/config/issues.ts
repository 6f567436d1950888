import { z } from 'zod';
import type { Problem } from './problem.ts';
import { fileSchema } from './schema.ts';
import { suggestion } from './similar.ts';
import { isBranch, type Path, pathText } from './tree.ts';

type Issue = z.core.$ZodIssue;

const wrongType: Readonly<Record<string, { problem: string; fix: string }>> = {
  string: { problem: 'is not text', fix: 'Write text; put a number, or true and false, into quotes.' },
  boolean: { problem: 'is not true or false', fix: 'Write true or false.' },
  array: { problem: 'is not a list', fix: 'Write a list, such as [a, b].' },
  object: { problem: 'is not a mapping', fix: 'Write "key: value" lines, indented below it.' },
  record: { problem: 'is not a mapping', fix: 'Write "key: value" lines, indented below it.' },
};

const notValid = { problem: 'is not valid', fix: 'See docs/configuration.md.' };

let jsonSchema: unknown;

/** The JSON Schema of the file. Made when it is first needed: most starts have no problem to tell of. */
function fileJsonSchema(): unknown {
  jsonSchema ??= z.toJSONSchema(fileSchema, { io: 'input' });
  return jsonSchema;
}

/** The part of the JSON Schema that describes what is at a path: what may be there, as plain data. */
function described(path: Path): Record<string, unknown> {
  const found = path.reduce<unknown>((node, key) => {
    if (!isBranch(node)) return undefined;
    if (typeof key === 'number') return node.items;
    const properties = isBranch(node.properties) ? node.properties : {};
    return Object.hasOwn(properties, key) ? properties[String(key)] : node.additionalProperties;
  }, fileJsonSchema());
  return isBranch(found) ? found : {};
}

const grouped = (value: unknown) => Number(value).toLocaleString('en-US');

function range(path: Path): string {
  const { type, minimum, maximum } = described(path);
  const kind = type === 'integer' ? 'whole number' : 'number';
  return `Write a ${kind} from ${grouped(minimum)} to ${grouped(maximum)}.`;
}

function outOfBounds(origin: string, path: Path, large: boolean): { problem: string; fix: string } {
  if (origin === 'number' || origin === 'int')
    return { problem: `is too ${large ? 'large' : 'small'}`, fix: range(path) };
  if (large) return { problem: 'has too many entries', fix: `Write at most ${grouped(described(path).maxItems)}.` };
  return { problem: 'is empty', fix: 'Write something there, or remove it.' };
}

function custom(issue: { message: string; params?: Record<string, unknown> | undefined }) {
  return { problem: issue.message, fix: String(issue.params?.fix ?? notValid.fix) };
}

function invalidType(expected: string, path: Path) {
  if (expected === 'number') return { problem: 'is not a number', fix: range(path) };
  if (expected === 'int') return { problem: 'is not a whole number', fix: range(path) };
  return wrongType[expected] ?? notValid;
}

function explain(issue: Issue): { problem: string; fix: string } {
  switch (issue.code) {
    case 'invalid_type':
      return invalidType(issue.expected, issue.path);
    case 'too_big':
    case 'too_small':
      return outOfBounds(issue.origin, issue.path, issue.code === 'too_big');
    case 'invalid_value':
      return { problem: 'is not one of the possible values', fix: `Write one of: ${issue.values.join(', ')}.` };
    case 'invalid_key':
      return issue.issues[0] ? explain(issue.issues[0]) : notValid;
    case 'custom':
      return custom(issue);
    default:
      return notValid;
  }
}

function unknownKeys(path: Path, keys: readonly string[]): Problem[] {
  const known = Object.keys(described(path).properties ?? {});
  return keys.map((key) => ({
    path: pathText([...path, key]),
    problem: 'is not a known setting',
    fix: suggestion(key, known, `Remove it. Known here are: ${known.join(', ')}.`),
  }));
}

/**
 * What an issue means for the reader; `isMissing`: nothing is there. The schema's own messages are not used: they may
 * quote a value.
 */
export function issueProblems(issue: Issue, isMissing: boolean): Problem[] {
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.path, issue.keys);
  const { problem, fix } = explain(issue);
  return [{ path: pathText(issue.path), problem: isMissing ? 'is missing' : problem, fix }];
}
