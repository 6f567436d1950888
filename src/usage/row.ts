/** What usage is counted by. */
export interface UsageRow {
  /** Empty: none. */
  readonly team: string;
  readonly key: string;
  readonly provider: string;
  readonly model: string;
  /** Those of the caller's labels that the configuration names. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Letters, since they are in every name of a counter. */
const measures = {
  /** Calls: each once, where it was answered, or last tried. */
  calls: 'c',
  /** Calls that failed. */
  failed: 'f',
  /** Times that a provider was asked. */
  tries: 't',
  inputTokens: 'i',
  outputTokens: 'o',
  cachedInputTokens: 'h',
  cacheWriteTokens: 'w',
  reasoningTokens: 'r',
  nanoUsd: 'n',
  /** Tries whose cost is not known. */
  unpriced: 'u',
} as const;

export type Measure = keyof typeof measures;

/** Counts of a row. */
export type Measured = Readonly<Record<Measure, number>>;

export const measureNames = Object.keys(measures) as readonly Measure[];

export const unmeasured: Measured = {
  calls: 0,
  failed: 0,
  tries: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  nanoUsd: 0,
  unpriced: 0,
};

export const addMeasured = (one: Measured, other: Measured): Measured => ({
  calls: one.calls + other.calls,
  failed: one.failed + other.failed,
  tries: one.tries + other.tries,
  inputTokens: one.inputTokens + other.inputTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  cachedInputTokens: one.cachedInputTokens + other.cachedInputTokens,
  cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
  reasoningTokens: one.reasoningTokens + other.reasoningTokens,
  nanoUsd: one.nanoUsd + other.nanoUsd,
  unpriced: one.unpriced + other.unpriced,
});

/** As long as the name of a counter may be, with room for the measure. */
const MAX_NAME = 500;
const MAX_CUT = 64;

/** What stands for labels that there is no room for. */
export const OTHER = 'other';

/** The row as printable ASCII, the same for the same row. */
export function rowName({ team, key, provider, model, labels }: UsageRow): string {
  const pairs = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const name = [team, key, provider, model, ...pairs.flat()].map(encoded).join('/');
  if (name.length <= MAX_NAME) return name;
  const others = pairs.map(([label]) => [label, OTHER]);
  return [team, key, provider, model, ...others.flat()].map((text) => encoded(text.slice(0, MAX_CUT))).join('/');
}

/** What encoding leaves as it is. */
const PLAIN = /^[\w.~-]*$/;

/** A text that was cut may end with half a character. */
const encoded = (text: string): string => (PLAIN.test(text) ? text : encodeURIComponent(text.toWellFormed()));

export const counterName = (row: string, measure: Measure): string => `${measures[measure]}/${row}`;

/** Undefined: this version did not write it. */
export function readCounter(name: string): { readonly row: UsageRow; readonly measure: Measure } | undefined {
  const [letter, team, key, provider, model, ...pairs] = name.split('/').map(decodeURIComponent);
  const measure = measureNames.find((each) => measures[each] === letter);
  if (!measure || team === undefined || key === undefined || provider === undefined || model === undefined)
    return undefined;
  const labels: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) labels[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return { row: { team, key, provider, model, labels }, measure };
}
