/** A caller that left, and how long it took until nothing of its call was left. */
export interface Departed {
  readonly situation: string;
  readonly how: string;
  readonly tookMs: number;
}

/** What this share of them was done in, in milliseconds. */
export function withinMs(those: readonly Departed[], share: number): number {
  const sorted = those.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const line = (name: string, figures: readonly string[]): string =>
  `${name.padEnd(32)}${figures.map((figure) => figure.padStart(9)).join('')}\n`;

function rowOf(name: string, those: readonly Departed[]): string {
  const figures = [0.5, 0.95, 1].map((share) => withinMs(those, share).toFixed(1));
  return line(name, [String(those.length), ...figures]);
}

/** The figures of each situation and of each way to leave, to be read by people. */
export function figures(departed: readonly Departed[]): string {
  const rowsBy = (key: 'situation' | 'how') =>
    [...Map.groupBy(departed, (each) => each[key])].map(([name, those]) => rowOf(name, those));
  const head = line('until nothing is left, in ms', ['moments', 'p50', 'p95', 'max']);
  return [head, ...rowsBy('situation'), ...rowsBy('how'), rowOf('all', departed)].join('');
}
