// Generates into a temporary folder and fails if gen/ is not the same, file for file.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const fresh = mkdtempSync(join(tmpdir(), 'antiphon-gen-'));
try {
  execFileSync('buf', ['generate', '-o', fresh], { stdio: 'inherit' });
  const names = new Set([...filesBelow('gen'), ...filesBelow(join(fresh, 'gen'))]);
  const read = (folder: string, name: string) => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const stale = [...names].filter((name) => read('gen', name) !== read(join(fresh, 'gen'), name));
  for (const name of stale) process.stderr.write(`gen/${name} is not what the protos give. Run: npm run generate\n`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} finally {
  rmSync(fresh, { recursive: true });
}
