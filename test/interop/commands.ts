import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { onTestFinished, type TestContext } from 'vitest';

export interface CommandOptions {
  readonly cwd?: string;
  /** Besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from its standard input. */
  readonly input?: string;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or to that of the test. */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const { cwd, env, input = '' } = options;
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, detached: true });
  onTestFinished(() => endGroup(child));
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

/** Ends a process that leads a group, and the processes it has started. */
export async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}

/** What a program prints. Errors: it cannot be run, or does not end with 0. */
export async function output(program: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v "${program}"`]).status === 0;

/** Skips the test, and says why, where none of these programs is installed. Gives the first that is. */
export function needs({ skip }: TestContext, ...programs: [string, ...string[]]): string {
  const found = programs.find(isThere);
  if (found !== undefined) return found;
  process.stdout.write(`skipped: ${programs.join(' or ')} is not installed\n`);
  return skip(`${programs.join(' or ')} is not installed`);
}
