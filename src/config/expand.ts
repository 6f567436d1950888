import type { Problem } from './problem.ts';
import type { ReferredFiles } from './referred-files.ts';
import { ONLY_REFERENCE, type Source, type Substituted, substitute, type Variables } from './substitute.ts';
import { type Branch, isBranch, type Path, pathText } from './tree.ts';

/** What the file referred to, and where. */
export interface Reference extends Source {
  readonly path: Path;
}

export interface Expanded {
  readonly tree: Branch;
  /** The texts of the paths whose value came from a reference, so that it may be a number or a boolean in text. */
  readonly referred: ReadonlySet<string>;
  readonly references: readonly Reference[];
  readonly problems: readonly Problem[];
}

/** Words that say that a header carries a credential. */
const CREDENTIAL =
  /(?:^|[-_])(?:x?api[-_]?key|key|token|secret|password|auth|authorization|cookie|credentials?)(?:$|[-_])/i;

/** A default that is not empty. */
const FILLED_DEFAULT = /\$\{[^}]*:-[^}]/;

const isKey = (path: Path) => isProviderKey(path) || isCallerKey(path) || isCacheSecret(path);

const isCacheSecret = ([first, second, ...rest]: Path) =>
  (first === 'cache' || first === 'thrift') && second === 'secret' && rest.length === 0;

const isProviderKey = ([first, , third, ...rest]: Path) =>
  first === 'providers' &&
  ((third === 'api_key' && rest.length === 0) || (third === 'api_keys' && rest.length === 2 && rest[1] === 'key'));

const isCallerKey = ([first, second, , fourth, ...rest]: Path) =>
  first === 'access' && second === 'keys' && fourth === 'key' && rest.length === 0;

/** Not "authorization" itself, which may not be there at all. */
const isCredentialHeader = ([first, , third, name, ...rest]: Path) =>
  first === 'providers' &&
  third === 'headers' &&
  rest.length === 0 &&
  !/^authorization$/i.test(String(name)) &&
  CREDENTIAL.test(String(name));

/** "ollama:" with nothing after it is a provider all the same; other empty settings are as if they were not there. */
const emptyValue = (path: Path) => (path.length === 2 && path[0] === 'providers' ? {} : undefined);

function literalSecret(text: string, path: Path): Problem | undefined {
  if (isKey(path) && !ONLY_REFERENCE.test(text))
    return {
      path: pathText(path),
      problem: 'is written into the file',
      fix: `Put the key into a variable or a file, and write \${VAR} or \${file:/path} here.`,
    };
  if (isCredentialHeader(path) && (!text.includes('${') || FILLED_DEFAULT.test(text)))
    return {
      path: pathText(path),
      problem: 'is a credential written into the file',
      fix: `Put it into a variable or a file, and write \${VAR} or \${file:/path} here.`,
    };
  return undefined;
}

/**
 * Puts in what the values of the file refer to, which is in the environment or in other files; keys are left alone. It
 * works on parsed values, so that nothing that is put in can add a key or a line. A value with a problem is left out, and
 * so is one that is empty.
 */
export function expand(
  file: Branch,
  variables: Variables,
  isSet: (path: Path) => boolean,
  files: ReferredFiles,
): Expanded {
  const referred = new Set<string>();
  const references: Reference[] = [];
  const problems: Problem[] = [];

  const expandText = (text: string, path: Path): string | undefined => {
    const literal = literalSecret(text, path);
    const result = substitute(text, variables, files);
    for (const source of result.used) references.push({ ...source, path });
    const wrong = literal ? [literal] : substitutionProblems(result, path);
    problems.push(...wrong);
    if (result.referred) referred.add(pathText(path));
    return wrong.length > 0 || (result.referred && result.text === '') ? undefined : result.text;
  };

  const walkEntry = (key: string, value: unknown, path: Path): unknown => {
    if (key !== '__proto__') return walk(value, path);
    problems.push({ path: pathText(path), problem: 'is not a possible name', fix: 'Choose another.' });
    return undefined;
  };

  const walk = (value: unknown, path: Path): unknown => {
    if (isSet(path)) return value;
    if (typeof value === 'string') return expandText(value, path);
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]) ?? null);
    if (!isBranch(value)) return value ?? emptyValue(path);
    const entries = Object.entries(value).map(([key, item]) => [key, walkEntry(key, item, [...path, key])] as const);
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
  };

  const tree = walk(file, []);
  return { tree: isBranch(tree) ? tree : {}, referred, references, problems };
}

/** Only a usual name is repeated: in the place of any other there may be a key, put between the braces by mistake. */
const USUAL_NAME = /^[A-Z_][A-Z0-9_]{0,63}$/;

function unset(variable: string, path: Path): Problem {
  const isUsual = USUAL_NAME.test(variable);
  // A secret has no default that may stand in the file.
  const otherwise = isKey(path) || isCredentialHeader(path) ? '} if it may be missing' : 'default}';
  const what = isUsual ? variable : 'it';
  return {
    path: pathText(path),
    problem: isUsual ? `needs the variable ${variable}, which is not set` : 'needs a variable that is not set',
    fix: `Set ${what}, or write \${${isUsual ? variable : 'VAR'}:-${otherwise}.`,
  };
}

function substitutionProblems({ missing, unusable, malformed }: Substituted, path: Path): Problem[] {
  const problems = [
    ...missing.map((variable) => unset(variable, path)),
    ...unusable.map(({ problem, fix }) => ({ path: pathText(path), problem, fix })),
  ];
  if (!malformed) return problems;
  const fix = `Write \${VAR}, \${VAR:-default} or \${file:/path}; write $$ for a dollar sign.`;
  return [...problems, { path: pathText(path), problem: 'has a "${" that begins no reference', fix }];
}
