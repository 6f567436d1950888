import { LineCounter, parseDocument, type YAMLError } from 'yaml';
import { fileText, type NoText, type ReadFile } from './file-text.ts';
import type { Problem } from './problem.ts';

/** The largest file that is read. */
const LARGEST = { bytes: 1024 * 1024, words: '1 MiB' };

/** How often aliases may repeat what an anchor names, all in all: against files that unfold without end. */
const MAX_ALIASES = 50;

/** After a first mistake in the syntax, most that follow are only its consequences. */
const MAX_SYNTAX_PROBLEMS = 5;

export interface ParsedFile {
  /** Undefined: the file is empty, or cannot be read. */
  readonly content: unknown;
  readonly problems: readonly Problem[];
}

const failed = (path: string, problem: string, fix: string): ParsedFile => ({
  content: undefined,
  problems: [{ path, problem, fix }],
});

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

const fixes: Readonly<Record<NoText['why'], string>> = {
  missing: 'Name a YAML file that this process may read, or unset it.',
  unreadable: 'Name a YAML file that this process may read, or unset it.',
  'too large': 'Name the right file.',
  'not UTF-8': 'Save it as UTF-8.',
};

/** Reads a YAML 1.2 file of at most 1 MiB into plain values. */
export function readYaml(path: string, readFile: ReadFile): ParsedFile {
  const text = fileText(path, readFile, LARGEST);
  return typeof text === 'string' ? parse(text) : failed('ANTIPHON_CONFIG', text.problem, fixes[text.why]);
}
