import { LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { Problem } from './problem.ts';

/** The largest file that is read, in bytes. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** How often aliases may repeat what an anchor names, all in all: against files that unfold without end. */
const MAX_ALIASES = 50;

/** After a first mistake in the syntax, most that follow are only its consequences. */
const MAX_SYNTAX_PROBLEMS = 5;

/** Reads a file: at most one byte more than `maxBytes`. Errors: those of node:fs. */
export type ReadFile = (path: string, maxBytes: number) => Uint8Array;

export interface ParsedFile {
  /** Undefined: the file is empty, or cannot be read. */
  readonly content: unknown;
  readonly problems: readonly Problem[];
}

const failed = (path: string, problem: string, fix: string): ParsedFile => ({
  content: undefined,
  problems: [{ path, problem, fix }],
});

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'names a file that does not exist',
  EACCES: 'names a file that this process may not read',
  EISDIR: 'names a directory',
};

/** What the parser's error codes mean. Its own messages quote the file, which may hold a secret. */
const mistakes: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'repeats a key of the same mapping',
  MULTIPLE_DOCS: 'begins a second document',
  TAB_AS_INDENT: 'is indented with a tab',
  TAG_RESOLVE_FAILED: 'has a tag that is not known',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
};

const mistake = (error: YAMLError, lines: LineCounter): Problem => {
  const { line, col } = lines.linePos(error.pos[0]);
  return {
    path: `line ${line}, column ${col}`,
    problem: mistakes[error.code] ?? 'is not valid YAML',
    fix: 'Correct this place in the file that ANTIPHON_CONFIG names.',
  };
};

function parse(text: string): ParsedFile {
  const lines = new LineCounter();
  const options = {
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    prettyErrors: false,
    lineCounter: lines,
  } as const;
  const document = parseDocument(text, options);
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    const problems = errors.slice(0, MAX_SYNTAX_PROBLEMS).map((error) => mistake(error, lines));
    return { content: undefined, problems };
  }
  try {
    return { content: document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined, problems: [] };
  } catch {
    return failed('the file', 'has an alias that is not defined, or too many aliases', 'Write the values out.');
  }
}

function readText(path: string, readFile: ReadFile): string | ParsedFile {
  let bytes: Uint8Array;
  try {
    bytes = readFile(path, MAX_FILE_BYTES);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const problem = unreadable[code] ?? 'names a file that cannot be read';
    return failed('ANTIPHON_CONFIG', problem, 'Name a YAML file that this process may read, or unset it.');
  }
  if (bytes.length > MAX_FILE_BYTES)
    return failed('ANTIPHON_CONFIG', 'names a file larger than 1 MiB', 'Name the right file.');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return failed('ANTIPHON_CONFIG', 'names a file that is not UTF-8 text', 'Save it as UTF-8.');
  }
}

/** Reads a YAML 1.2 file of at most 1 MiB into plain values. */
export function readYaml(path: string, readFile: ReadFile): ParsedFile {
  const text = readText(path, readFile);
  return typeof text === 'string' ? parse(text) : text;
}
