import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a child does: so many rounds of add, tally, reserve 1 of `limit`, and spend it. */
export interface Drawing {
  readonly name: string;
  readonly rounds: number;
  readonly limit: number;
}

export interface DrawingChild {
  /** Resolves when it has done so many rounds. */
  at(round: number): Promise<void>;
  kill(): void;
  /** Its exit code; null: it was killed. */
  readonly code: Promise<number | null>;
}

const program = fileURLToPath(new URL('drawing-child.ts', import.meta.url));

/** Starts a process that draws on the ledger of a file. */
export function startDrawing(path: string, { name, rounds, limit }: Drawing): DrawingChild {
  const child = spawn(process.execPath, [program, path, name, `${rounds}`, `${limit}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    at: (round) => reached(child, round),
    kill: () => child.kill('SIGKILL'),
    code: once(child, 'exit').then(([code]) => code as number | null),
  };
}

/** The child writes a dot for each round. It is read on: a pipe that breaks would end it before it is killed. */
const reached = ({ stdout }: ChildProcess, round: number): Promise<void> =>
  new Promise((resolve) => {
    let rounds = 0;
    stdout?.on('data', (chunk) => {
      rounds += String(chunk).length;
      if (rounds >= round) resolve();
    });
  });
