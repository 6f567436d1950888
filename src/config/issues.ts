import { z } from 'zod';
import type { Problem } from './problem.ts';
import { fileSchema } from './schema.ts';
import { suggestion } from './similar.ts';
import { type Branch, isBranch, type Path, pathText } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** What a value may be that can be several things, by what the schema calls it. */
const forms: Readonly<Record<string, string>> = { string: 'text', array: 'a list', object: 'a mapping' };

const either = new Intl.ListFormat('en-GB', { type: 'disjunction' });

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

/** What may be one of several things is described by all that is said of each: they are text, a list and a mapping. */
const together = (node: Branch): Branch =>
  Array.isArray(node.anyOf) ? Object.assign({}, ...node.anyOf.map((form) => (isBranch(form) ? form : {}))) : node;

/** The part of the JSON Schema that describes what is at a path: what may be there, as plain data. */
function described(path: Path): Record<string, unknown> {
  const found = path.reduce<unknown>((whole, key) => {
    const node = isBranch(whole) ? together(whole) : {};
    if (typeof key === 'number') return node.items;
    const properties = isBranch(node.properties) ? node.properties : {};
    return Object.hasOwn(properties, key) ? properties[String(key)] : node.additionalProperties;
  }, fileJsonSchema());
  return isBranch(found) ? together(found) : {};
}

/** What is wrong with a value that may be one of several things, by the one that it is. It is none: the issue itself. */
export function issuesOfForm(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const isOther = ({ code, path }: Issue) => code === 'invalid_type' && path.length === 0;
  const form = issue.errors.find((issues) => !issues.some(isOther));
  return form?.flatMap((inner) => issuesOfForm({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
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
  if (origin === 'string' && large)
    return { problem: 'is too long', fix: `Write at most ${grouped(described(path).maxLength)} characters.` };
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

function noForm(errors: readonly (readonly Issue[])[]) {
  const expected = errors.flatMap(([issue]) => (issue?.code === 'invalid_type' ? (forms[issue.expected] ?? []) : []));
  const possible = either.format(expected);
  return { problem: `is not ${possible}`, fix: `Write ${possible}.` };
}

function explain(issue: Issue): { problem: string; fix: string } {
  switch (issue.code) {
    case 'invalid_union':
      return noForm(issue.errors);
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
