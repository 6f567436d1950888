// Writes config.schema.json from the schema in src/config. With --check it only tells whether the file is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/json-schema.ts';

const file = new URL('../config.schema.json', import.meta.url);
const wanted = configJsonSchema();

function committed(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The first line that differs, as it is and as it should be. */
function difference(is: string, should: string): string {
  const [old, fresh] = [is.split('\n'), should.split('\n')];
  const at = fresh.findIndex((line, i) => line !== old[i]);
  const line = at < 0 ? fresh.length : at;
  return `config.schema.json is out of date from line ${line + 1} on:\n- ${old[line] ?? ''}\n+ ${fresh[line] ?? ''}\nRun: node scripts/write-config-schema.ts`;
}

if (!process.argv.includes('--check')) {
  writeFileSync(file, wanted);
} else if (committed() !== wanted) {
  console.error(difference(committed(), wanted));
  process.exitCode = 1;
}
