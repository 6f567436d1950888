import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A body to be checked against a type of bodies.ts. */
export interface TypedBody {
  readonly name: string;
  readonly type: string;
  readonly body: unknown;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Ignored by git, and inside the project, so that the packages are found. */
const folders = join(root, 'node_modules/.cache/antiphon');
const bodies = join(import.meta.dirname, 'bodies.ts');

const options = {
  target: 'es2024',
  module: 'nodenext',
  types: ['node'],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
};

/** What the compiler says of each body that does not fit its type, by name. */
export async function misfits(typed: readonly TypedBody[]): Promise<ReadonlyMap<string, string>> {
  await mkdir(folders, { recursive: true });
  const folder = await mkdtemp(join(folders, 'bodies-'));
  try {
    const place = relative(folder, bodies);
    const types = [...new Set(typed.map(({ type }) => type))].join(', ');
    // One line for each body, so that the compiler's line tells which one it speaks of.
    const lines = typed.map(
      ({ type, body }, i) => `export const body${i} = ${JSON.stringify(body)} satisfies ${type};`,
    );
    await writeFile(join(folder, 'all.ts'), [`import type { ${types} } from '${place}';`, ...lines, ''].join('\n'));
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['all.ts'] }));
    return byName(await compile(folder), typed);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the compiler writes. It ends with an error whenever it has something to say. */
const compile = (folder: string): Promise<string> =>
  new Promise((resolve) => {
    const tsc = join(root, 'node_modules/.bin/tsc');
    execFile(tsc, ['-p', folder, '--pretty', 'false'], { maxBuffer: 1 << 26 }, (_, out, err) => resolve(out + err));
  });

function byName(output: string, typed: readonly TypedBody[]): Map<string, string> {
  const found = new Map<string, string>();
  let name = '';
  for (const line of output.split('\n').filter(Boolean)) {
    const [, at] = /all\.ts\((\d+),/.exec(line) ?? [];
    const known = typed[Number(at) - 2]?.name;
    // What follows an error's first line is indented; anything else is about no body at all.
    name = known ?? (line.startsWith(' ') ? name : 'the compiler itself');
    found.set(name, `${found.get(name) ?? ''}${line}\n`);
  }
  return found;
}
