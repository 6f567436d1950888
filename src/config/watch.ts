import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import type { Clock, Timer } from '../core/clock.ts';
import { readAtMost } from './read-file.ts';

export interface WatchOptions {
  /** What is known of files that were read already. */
  readonly files?: WatchedFiles;
  /** The files, asked for at each look. Links are followed; what is no regular file counts as not there. */
  readonly paths: () => readonly string[];
  /** Between two looks, in milliseconds. */
  readonly everyMs?: number;
  readonly clock: Pick<Clock, 'after'>;
  /**
   * Is told once of each new state of the files, when it has lasted for two looks, unless they were read in it. It must
   * not throw.
   */
  readonly changed: () => void;
}

export interface Watch {
  close(): void;
}

const EVERY_MS = 2_000;

/** More of a file than this is not looked at: none of the configuration may be larger. */
const MOST_BYTES = 1024 * 1024;

/**
 * Notices when files have other contents: written anew, put in the place of others, or behind links that were turned, as
 * Kubernetes does. A file that is gone is a change, too. It looks, rather than let itself be told: notices of file systems
 * do not come on all of them. A look is one `stat` for each file that seems to be as it was.
 *
 * The first look is at once. The timer keeps the process alive until `close`.
 */
export function watchFiles(options: WatchOptions): Watch {
  const { files = new WatchedFiles(), paths, everyMs = EVERY_MS, clock, changed } = options;
  const tick = () => {
    timer = clock.after(everyMs, tick);
    if (!files.haveChanged(paths())) return;
    changed();
    files.haveChanged(paths());
  };
  files.haveChanged(paths());
  let timer: Timer = clock.after(everyMs, tick);
  return { close: () => timer.cancel() };
}

/** How a file was at a look. Of its content nothing is kept but a digest. */
interface Look {
  readonly stamp: string;
  readonly digest: string;
  /**
   * The stamp was the same at the look before, so that the same again means the same content. Once is not enough: what
   * is written twice within a tick of the file system's clock has the stamp of the first time.
   */
  readonly isFirm: boolean;
}

const GONE: Look = { stamp: '', digest: '', isFirm: true };

/** Files, and how they were when somebody was told of them, or read them. */
export class WatchedFiles {
  /** Digests by path. Those of a file that is new here are taken as told. */
  #told = new Map<string, string>();
  #looks = new Map<string, Look>();

  /** A file is about to be read: only what becomes of it from now on is to be told. */
  reading(path: string): void {
    const look = lookAt(path, this.#looks.get(path));
    this.#looks.set(path, look);
    this.#told.set(path, look.digest);
  }

  /** Whether there is something to tell, which then counts as told. */
  haveChanged(paths: readonly string[]): boolean {
    const before = this.#looks;
    this.#looks = new Map(paths.map((path) => [path, lookAt(path, before.get(path))]));
    const looks = [...this.#looks];
    const told = new Map(looks.map(([path, { digest }]) => [path, this.#told.get(path) ?? digest]));
    this.#told = told;
    const hasSettled = looks.every(([path, { digest }]) => (before.get(path)?.digest ?? digest) === digest);
    if (!hasSettled || looks.every(([path, { digest }]) => told.get(path) === digest)) return false;
    this.#told = new Map(looks.map(([path, { digest }]) => [path, digest]));
    return true;
  }
}

function lookAt(path: string, before: Look | undefined): Look {
  try {
    const stats = statSync(path, { bigint: true });
    // Whoever writes into a pipe must not find that it was opened for a look.
    if (!stats.isFile()) return GONE;
    const stamp = stampOf(stats);
    const isFirm = before?.stamp === stamp;
    if (isFirm && before.isFirm) return before;
    return { stamp, digest: digestOf(path), isFirm };
  } catch {
    return GONE;
  }
}

const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join();

const digestOf = (path: string): string =>
  createHash('sha256')
    .update(readAtMost(path, MOST_BYTES, 'regular'))
    .digest('base64');
