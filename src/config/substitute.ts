/** The variables that are set, trimmed. One that holds nothing but space is not among them. */
export type Variables = ReadonlyMap<string, string>;

/** The environment, with what does not count left out. */
export const setVariables = (env: Readonly<Record<string, string | undefined>>): Variables =>
  new Map(Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : [])));

const REFERENCE = /\$\$|\$\{([^}]*)\}|\$\{/g;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** A text that is one reference and nothing of its own: `${VAR}` or, if it may be missing, `${VAR:-}`. */
export const ONLY_REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}$/;

/** The variable that a value refers to, if it is one reference and nothing else. */
export function referenceOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || !ONLY_REFERENCE.test(value)) return undefined;
  return /\w+/.exec(value)?.[0];
}

export interface Substituted {
  readonly text: string;
  /** The variables that were put in. */
  readonly used: readonly string[];
  /** The variables that are not set and have no default. */
  readonly missing: readonly string[];
  /** Whether anything was referred to, defaults too. */
  readonly referred: boolean;
  /** A "${" that does not begin `${VAR}` or `${VAR:-default}`. */
  readonly malformed: boolean;
}

/** Puts variables in for `${VAR}` and `${VAR:-default}`; `$$` is a dollar sign. What is put in is not looked at again. */
export function substitute(text: string, variables: Variables): Substituted {
  const used: string[] = [];
  const missing: string[] = [];
  let referred = false;
  let malformed = false;
  const replaced = text.replace(REFERENCE, (whole, inside: string | undefined) => {
    if (whole === '$$') return '$';
    const [, name, otherwise] = INSIDE.exec(inside ?? '') ?? [];
    if (name === undefined) malformed = true;
    else referred = true;
    if (name === undefined) return '';
    const value = variables.get(name);
    if (value !== undefined) used.push(name);
    else if (otherwise === undefined) missing.push(name);
    return value ?? otherwise ?? '';
  });
  return { text: replaced, used, missing, referred, malformed };
}
