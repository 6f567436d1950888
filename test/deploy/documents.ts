import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file of the repository, by its path from the top. */
export const fileText = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

/** The labels of each metric that the documentation has, by the names under which Prometheus stores them. */
export function storedMetrics(): ReadonlyMap<string, readonly string[]> {
  const rows = fileText('docs/telemetry.md')
    .split('\n')
    .filter((line) => /^\| `(?:llm|process|nodejs)_/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const words = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
  return new Map(
    rows.flatMap(([, names, type, labels]) =>
      words(names).flatMap((name): [string, readonly string[]][] =>
        type === 'histogram'
          ? [
              [`${name}_bucket`, [...words(labels), 'le']],
              [`${name}_sum`, words(labels)],
              [`${name}_count`, words(labels)],
            ]
          : [[name, words(labels)]],
      ),
    ),
  );
}
