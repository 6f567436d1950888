import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of the project to its end, with this environment and nothing of the test's own. */
export function runScript(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const script = fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));
  const variables = { PATH: process.env.PATH ?? '', ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { env: variables }, (error, stdout, stderr) => {
      resolve({ exitCode: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** An empty folder that is gone when the test is over. */
export async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'antiphon-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
