import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchFiles } from '../../src/config/watch.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** The stamp that a path has, whatever becomes of the file; and which files were opened. */
const disk = vi.hoisted(() => ({ frozen: new Map<string, unknown>(), opened: [] as string[] }));

vi.mock('node:fs', async (importActual) => {
  const fs = await importActual<typeof import('node:fs')>();
  return {
    ...fs,
    statSync: (path: string, options: { bigint: true }) => disk.frozen.get(path) ?? fs.statSync(path, options),
    openSync: (path: string, flags: number) => {
      disk.opened.push(path);
      return fs.openSync(path, flags);
    },
  };
});

let directory = '';
const at = (name: string) => join(directory, name);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'antiphon-watch-'));
  disk.frozen.clear();
  disk.opened.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Watches files of the directory. `look` moves time to the next look and gives how often a change was told by then. */
function watching(...names: string[]) {
  const clock = fakeClock();
  let told = 0;
  let onChange = () => undefined as unknown;
  const watch = watchFiles({
    paths: () => names.map(at),
    clock,
    changed: () => {
      told++;
      onChange();
    },
  });
  return {
    clock,
    watch,
    names,
    look(times = 1) {
      for (let i = 0; i < times; i++) clock.advance(2_000);
      return told;
    },
    onChange: (task: () => unknown) => {
      onChange = task;
    },
  };
}

describe('a change is told once', () => {
  it.each<[string, () => void]>([
    ['written anew', () => writeFileSync(at('a'), 'new')],
    ['emptied', () => writeFileSync(at('a'), '')],
    ['appended to', () => writeFileSync(at('a'), 'old and more')],
    [
      'put in its place, as editors do',
      () => {
        writeFileSync(at('a.tmp'), 'new');
        renameSync(at('a.tmp'), at('a'));
      },
    ],
    [
      'rewritten with the same length and time',
      () => {
        const { atime, mtime } = statSync(at('a'));
        writeFileSync(at('a'), 'wen');
        utimesSync(at('a'), atime, mtime);
      },
    ],
    ['gone', () => unlinkSync(at('a'))],
    [
      'a directory now',
      () => {
        unlinkSync(at('a'));
        mkdirSync(at('a'));
      },
    ],
  ])('of a file that is %s', (_, change) => {
    writeFileSync(at('a'), 'old');
    const { look, clock, watch } = watching('a');
    expect(look(3)).toBe(0);
    change();
    expect([look(), look(), look(5)]).toEqual([0, 1, 1]);
    watch.close();
    expect(clock.pending).toBe(0);
  });

  it('of links that are turned, as Kubernetes does', () => {
    for (const version of ['1', '2']) {
      mkdirSync(at(`..${version}`));
      writeFileSync(at(`..${version}/key`), `key-${version}`);
      writeFileSync(at(`..${version}/same`), 'same');
    }
    symlinkSync('..1', at('..data'));
    symlinkSync('..data/key', at('key'));
    symlinkSync('..data/same', at('same'));
    const { look } = watching('key', 'same');
    symlinkSync('..2', at('..data.tmp'));
    renameSync(at('..data.tmp'), at('..data'));
    rmSync(at('..1'), { recursive: true });
    expect(look(5)).toBe(1);
  });

  it('of several files together', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a', 'b');
    writeFileSync(at('a'), 'new');
    writeFileSync(at('b'), 'new');
    expect(look(5)).toBe(1);
  });

  it('of a file that goes, and one that comes again, even as it was', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a');
    unlinkSync(at('a'));
    expect(look(5)).toBe(1);
    writeFileSync(at('a'), 'old');
    expect(look(5)).toBe(2);
  });

  it('of a file that comes for the first time', () => {
    const { look } = watching('a');
    expect(look(2)).toBe(0);
    writeFileSync(at('a'), 'new');
    expect(look(5)).toBe(1);
  });

  it('of what is written within one tick of the clock of the file system', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a');
    look(2);
    writeFileSync(at('a'), 'one');
    disk.frozen.set(at('a'), statSync(at('a'), { bigint: true }));
    expect(look()).toBe(0);
    writeFileSync(at('a'), 'two');
    expect([look(), look(), look(5)]).toEqual([0, 1, 1]);
  });
});

describe('nothing is told', () => {
  it('of what is only touched, or written again as it was', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a');
    utimesSync(at('a'), 1, 1);
    expect(look(3)).toBe(0);
    writeFileSync(at('a'), 'old');
    expect(look(3)).toBe(0);
    chmodSync(at('a'), 0o600);
    expect(look(3)).toBe(0);
  });

  it('while a file is being written', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a');
    for (const content of ['', 'n', 'ne', 'new']) {
      writeFileSync(at('a'), content);
      expect(look()).toBe(0);
    }
    expect(look()).toBe(1);
  });

  it('of what is as it was when the second look comes', () => {
    writeFileSync(at('a'), 'old');
    const { look } = watching('a');
    writeFileSync(at('a'), 'new');
    look();
    writeFileSync(at('a'), 'old');
    expect(look(4)).toBe(0);
  });

  it('of a file that is new among those looked at, nor of one that is not any more', () => {
    writeFileSync(at('a'), 'old');
    writeFileSync(at('b'), 'old');
    const { look, names } = watching('a');
    names.push('b');
    expect(look(3)).toBe(0);
    names.shift();
    writeFileSync(at('a'), 'new');
    expect(look(3)).toBe(0);
    writeFileSync(at('b'), 'new');
    expect(look(3)).toBe(1);
  });

  it('after the end', () => {
    const { look, watch, clock } = watching('a');
    watch.close();
    writeFileSync(at('a'), 'new');
    expect([look(3), clock.pending]).toEqual([0, 0]);
  });
});

it('knows a file that a change has brought from then on', () => {
  writeFileSync(at('a'), 'old');
  writeFileSync(at('b'), 'old');
  const { look, names, onChange } = watching('a');
  onChange(() => names.push('b'));
  writeFileSync(at('a'), 'new');
  expect(look(2)).toBe(1);
  writeFileSync(at('b'), 'new');
  onChange(() => undefined);
  expect(look(2)).toBe(2);
});

it('can be ended by the change it tells', () => {
  writeFileSync(at('a'), 'old');
  const { look, watch, onChange, clock } = watching('a');
  onChange(() => watch.close());
  writeFileSync(at('a'), 'new');
  expect([look(3), clock.pending]).toEqual([1, 0]);
});

it('reads a file only when it seems to be another', () => {
  writeFileSync(at('a'), 'old');
  const { look } = watching('a');
  look(2);
  disk.opened.length = 0;
  look(5);
  expect(disk.opened).toEqual([]);
  writeFileSync(at('a'), 'new');
  look(5);
  expect(disk.opened).toEqual([at('a'), at('a')]);
});

it('opens nothing that is no regular file: whoever writes into a pipe would take it for a reader', () => {
  execFileSync('mkfifo', [at('pipe')]);
  const { look } = watching('pipe');
  expect([look(3), disk.opened]).toEqual([0, []]);
});

it('looks as often as it is told to, first at once', () => {
  const clock = fakeClock();
  let asked = 0;
  const paths = () => {
    asked++;
    return [];
  };
  const { close } = watchFiles({ paths, everyMs: 50, clock, changed: () => expect.fail('nothing changed') });
  expect(asked).toBe(1);
  clock.advance(49);
  expect(asked).toBe(1);
  clock.advance(1);
  expect(asked).toBe(2);
  close();
});

it('tells of exactly those states that last for two looks, whatever happens in between', () => {
  const steps = fc.array(fc.constantFrom('', 'a', 'b', 'gone', 'look', 'look', 'look'), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (all) => {
      writeFileSync(at('x'), 'a');
      const { look, watch } = watching('x');
      let [content, told, last, expected] = ['a', 'a', 'a', 0];
      for (const step of all) {
        if (step === 'look') {
          if (content === last && content !== told) {
            told = content;
            expected++;
          }
          last = content;
          expect(look()).toBe(expected);
        } else if (step === 'gone') rmSync(at('x'), { force: true });
        else writeFileSync(at('x'), step);
        if (step !== 'look') content = step;
      }
      watch.close();
    }),
    { numRuns: 60 },
  );
});
