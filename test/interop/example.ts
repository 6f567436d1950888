import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { onTestFinished } from 'vitest';
import { output } from './commands.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What examples need of the repository. */
const NEEDED = ['proto', 'gen', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.client.json'];

/** A copy of an example, in a copy of the repository, after the first block of commands of its README. */
export interface Example {
  readonly folder: string;
  /** The second block of commands, which runs it. */
  readonly start: string;
}

/** Registers what to do at the end of a test, or of all tests of a file. */
export type Later = (task: () => Promise<void>) => void;

/** What the commands of an example leave behind when somebody has tried it in place. */
const LEFT_BEHIND = /\/(?:node_modules|\.venv|__pycache__|gen|target)$/;

/** Copies an example to where nothing has been made yet, and does there what its README says must be done first. */
export async function prepareExample(name: string, later: Later = onTestFinished): Promise<Example> {
  const root = await mkdtemp(join(tmpdir(), 'antiphon-interop-'));
  later(() => rm(root, { recursive: true }));
  const folder = join(root, 'examples', name);
  for (const name of NEEDED) await cp(join(repository, name), join(root, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'));
  await cp(join(repository, 'examples', name), folder, { recursive: true, filter: (path) => !LEFT_BEHIND.test(path) });
  const [prepare, start] = commandsOf(await readFile(join(folder, 'README.md'), 'utf8'));
  await shell(prepare, folder);
  return { folder, start };
}

/** What an example prints, line by line. */
export async function runExample({ folder, start }: Example, env: Readonly<Record<string, string>>): Promise<string[]> {
  return stripVTControlCharacters(await shell(start, folder, env))
    .trimEnd()
    .split('\n');
}

const shell = (commands: string, cwd: string, env = {}): Promise<string> =>
  output('sh', ['-e', '-c', commands], { cwd, env });

function commandsOf(readme: string): [string, string] {
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
  const [prepare, start] = blocks;
  if (prepare === undefined || start === undefined || blocks.length > 2)
    throw new Error('the README of an example has two blocks of commands');
  return [prepare, start];
}
