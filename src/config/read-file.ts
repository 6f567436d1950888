import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { ReadFile } from './file-text.ts';

/** Opening a pipe that nobody writes to would wait for ever. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads no more than is asked for, however large the file is, or says it is. */
export const readAtMost: ReadFile = (path, maxBytes, only) => {
  const file = openSync(path, only === 'regular' ? WITHOUT_WAITING : constants.O_RDONLY);
  try {
    if (only === 'regular') checkRegular(file);
    return readOpen(file, maxBytes + 1);
  } finally {
    closeSync(file);
  }
};

function checkRegular(file: number): void {
  const found = fstatSync(file);
  if (!found.isFile())
    throw Object.assign(new Error('no regular file'), { code: found.isDirectory() ? 'EISDIR' : 'NOT_REGULAR' });
}

function readOpen(file: number, bytes: number): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  for (;;) {
    const read = readSync(file, buffer, filled, buffer.length - filled, null);
    filled += read;
    if (read === 0 || filled === buffer.length) return buffer.subarray(0, filled);
  }
}
