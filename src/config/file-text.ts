/**
 * Reads a file: at most one byte more than `maxBytes`. With `only`, nothing is read of what is no regular file, such as
 * a pipe, which might never end. Errors: those of node:fs, and one with the code NOT_REGULAR.
 */
export type ReadFile = (path: string, maxBytes: number, only?: 'regular') => Uint8Array;

/** Why a file gives no text. */
export interface NoText {
  readonly why: 'missing' | 'unreadable' | 'too large' | 'not UTF-8';
  /** The rest of a sentence that begins with where the file is named. It has nothing of what is in the file. */
  readonly problem: string;
}

/** A bound for the size of a file, also in words. */
export interface Bound {
  readonly bytes: number;
  readonly words: string;
}

const unreadable: Readonly<Record<string, NoText>> = {
  ENOENT: { why: 'missing', problem: 'names a file that does not exist' },
  EACCES: { why: 'unreadable', problem: 'names a file that this process may not read' },
  EISDIR: { why: 'unreadable', problem: 'names a directory' },
  NOT_REGULAR: { why: 'unreadable', problem: 'names something that is no regular file' },
};

function refusal(error: unknown): NoText {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return unreadable[code] ?? { why: 'unreadable', problem: 'names a file that cannot be read' };
}

/** The text of a file, which must be UTF-8. A byte order mark is left out. */
export function fileText(path: string, readFile: ReadFile, most: Bound, only?: 'regular'): string | NoText {
  let bytes: Uint8Array;
  try {
    bytes = readFile(path, most.bytes, only);
  } catch (error) {
    return refusal(error);
  }
  if (bytes.length > most.bytes) return { why: 'too large', problem: `names a file larger than ${most.words}` };
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { why: 'not UTF-8', problem: 'names a file that is not UTF-8 text' };
  }
}
