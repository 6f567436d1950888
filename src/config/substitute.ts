import type { FileProblem, ReferredFiles } from './referred-files.ts';

/** The variables that are set, trimmed. One that holds nothing but space is not among them. */
export type Variables = ReadonlyMap<string, string>;

/** The environment, with what does not count left out. */
export const setVariables = (env: Readonly<Record<string, string | undefined>>): Variables =>
  new Map(Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : [])));

const REFERENCE = /\$\$|\$\{([^}]*)\}|\$\{/g;

/** A variable, or a file by its path; and what counts if it is missing. `${file:-x}` is the variable "file". */
const INSIDE = /^(?:file:(?!-)(?<file>.*?)|(?<variable>[A-Za-z_][A-Za-z0-9_]*))(?::-(?<otherwise>.*))?$/s;

/** A text that is one reference and nothing of its own: `${VAR}`, `${file:/path}` or, if it may be missing, `${VAR:-}`. */
export const ONLY_REFERENCE = /^\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[/](?:(?!:-)[^}])*)(?::-)?\}$/;

/** The variable that a value refers to, if it is one reference to a variable and nothing else. */
export function referenceOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || !ONLY_REFERENCE.test(value)) return undefined;
  return INSIDE.exec(value.slice(2, -1))?.groups?.variable;
}

/** What was put in for a reference. */
export interface Source {
  readonly kind: 'variable' | 'file';
  /** The name of the variable, or the path of the file. */
  readonly name: string;
  readonly value: string;
}

export interface Substituted {
  readonly text: string;
  /** What was put in, defaults left out. */
  readonly used: readonly Source[];
  /** The variables that are not set and have no default. */
  readonly missing: readonly string[];
  /** What is wrong with files. */
  readonly unusable: readonly FileProblem[];
  /** Whether anything was referred to, defaults too. */
  readonly referred: boolean;
  /** A "${" that begins no reference. */
  readonly malformed: boolean;
}

/**
 * Puts values in for `${VAR}`, `${file:/path}` and both with `:-default` before the brace; `$$` is a dollar sign. What is
 * put in is not looked at again.
 */
export function substitute(text: string, variables: Variables, files: ReferredFiles): Substituted {
  const used: Source[] = [];
  const missing: string[] = [];
  const unusable: FileProblem[] = [];
  let referred = false;
  let malformed = false;
  const put = (kind: Source['kind'], name: string, value: string): string => {
    used.push({ kind, name, value });
    return value;
  };
  const ofVariable = (name: string, otherwise: string | undefined): string => {
    const value = variables.get(name);
    if (value !== undefined) return put('variable', name, value);
    if (otherwise === undefined) missing.push(name);
    return otherwise ?? '';
  };
  const ofFile = (path: string, otherwise: string | undefined): string => {
    const content = files(path);
    if (typeof content === 'string') return put('file', path, content);
    if (!content.isMissing || otherwise === undefined) unusable.push(content);
    return otherwise ?? '';
  };
  const replaced = text.replace(REFERENCE, (whole, inside: string | undefined) => {
    if (whole === '$$') return '$';
    const { variable, file, otherwise } = INSIDE.exec(inside ?? '')?.groups ?? {};
    if (variable === undefined && file === undefined) {
      malformed = true;
      return '';
    }
    referred = true;
    return variable === undefined ? ofFile(file ?? '', otherwise) : ofVariable(variable, otherwise);
  });
  return { text: replaced, used, missing, unusable, referred, malformed };
}
