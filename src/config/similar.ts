/** More letters apart than this, two names are not a typing error apart. */
const FURTHEST = 2;

/** How many letters to insert, remove or replace to make one of the other. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** The one of `known` that was probably meant by `name`: "baseUrl" for "base_url", a typing error, or its beginning. */
export function similar(name: string, known: readonly string[]): string | undefined {
  const written = plain(name);
  const near = known
    .filter((candidate) => Math.abs(plain(candidate).length - written.length) <= FURTHEST)
    .map((candidate) => ({ candidate, apart: distance(written, plain(candidate)) }))
    .filter(({ candidate, apart }) => apart <= FURTHEST && apart < plain(candidate).length / 2);
  near.sort((a, b) => a.apart - b.apart);
  return (
    near[0]?.candidate ?? known.find((candidate) => written.length > FURTHEST && plain(candidate).startsWith(written))
  );
}

/** "Did you mean ...?" if something similar is known, else `otherwise`. */
export function suggestion(name: string, known: readonly string[], otherwise: string): string {
  const meant = similar(name, known);
  return meant === undefined ? otherwise : `Did you mean "${meant}"?`;
}
