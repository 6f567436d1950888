// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { fileText, type NoText, type ReadFile } from './file-text.ts';

/** The largest file that a reference may name. */
const LARGEST = { bytes: 64 * 1024, words: '64 KiB' };

/** Why nothing can be put in for the reference to a file. */
export interface FileProblem {
  /** The rest of a sentence that begins with the place of the reference. */
  readonly problem: string;
  readonly fix: string;
  /** There is nothing there, so that a default counts. */
  readonly isMissing: boolean;
}

/** What a file says, without the space around it. */
export type ReferredFiles = (path: string) => string | FileProblem;

/** Reads the files that references name. Each is read once, so that all that refer to it get the same. */
export function referredFiles(readFile: ReadFile): ReferredFiles {
  const known = new Map<string, string | FileProblem>();
  return (path) => {
    const content = known.get(path) ?? contentOf(path, readFile);
    known.set(path, content);
    return content;
  };
}

function contentOf(path: string, readFile: ReadFile): string | FileProblem {
  if (!path.startsWith('/'))
    return { problem: 'names a file without its whole path', fix: 'Write ${file:/path/to/it}.', isMissing: false };
  const text = fileText(path, readFile, LARGEST, 'regular');
  if (typeof text !== 'string')
    return { problem: text.problem, fix: fixOf(text, path), isMissing: text.why === 'missing' };
  return text.trim() || { problem: 'names an empty file', fix: fixOf({ why: 'missing' }, path), isMissing: true };
}

/** Only a usual path is repeated: in the place of any other there may be a secret, put between the braces by mistake. */
const USUAL_PATH = /^(?:\/[\w.@+-]{1,255}){1,20}$/;

function fixOf({ why }: Pick<NoText, 'why'>, path: string): string {
  const [file, reference] = USUAL_PATH.test(path) ? [path, path] : ['it', '/path/to/it'];
  const fixes: Readonly<Record<NoText['why'], string>> = {
    missing: `Write the value into ${file}, or write \${file:${reference}:-} here if it may be missing.`,
    unreadable: `See that ${file} is a file that this process may read.`,
    'too large': `See that ${file} is the right file: it should hold one value.`,
    'not UTF-8': `See that ${file} is the right file: it should hold text.`,
  };
  return fixes[why];
}
