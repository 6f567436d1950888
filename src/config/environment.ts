import { closeSync, openSync, readSync } from 'node:fs';
import type { Config } from './config.ts';
import { loadConfig } from './load.ts';

/** Reads no more than is asked for, however large the file is, or says it is. */
function readAtMost(path: string, maxBytes: number): Uint8Array {
  const buffer = Buffer.alloc(maxBytes + 1);
  const file = openSync(path, 'r');
  try {
    let filled = 0;
    for (;;) {
      const read = readSync(file, buffer, filled, buffer.length - filled, null);
      filled += read;
      if (read === 0 || filled === buffer.length) return buffer.subarray(0, filled);
    }
  } finally {
    closeSync(file);
  }
}

/** The configuration of this process, from its environment and its file. Errors: ConfigError. */
export const loadProcessConfig = (): Config => loadConfig(process.env, readAtMost);
