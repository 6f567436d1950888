import { GatewayError } from '../core/errors.ts';
import type { Store } from '../stores/store.ts';
import { DAY_MS, dayAt, tableOf } from './book.ts';
import { addMeasured, type Measured, readCounter, type UsageRow, unmeasured } from './row.ts';

/** What a report is divided by: fields of the rows, the day, or a label as "label:project". */
export type Division = 'day' | 'team' | 'key' | 'provider' | 'model' | `label:${string}`;

export interface UsageQuery {
  /** The first and the last day, in UTC, as 2026-11-21. */
  readonly from: string;
  readonly to: string;
  readonly by: readonly Division[];
  /** Only what has these values. */
  readonly where: Readonly<Partial<Record<Division, string>>>;
}

export interface UsageGroup {
  /** In the order of the divisions. */
  readonly values: readonly string[];
  readonly counts: Measured;
}

/** The days from one to another, both included; none if they are the wrong way round, or no days. */
export function daysFrom(from: string, to: string): readonly string[] {
  const first = Date.parse(`${from}T00:00:00Z`);
  const last = Date.parse(`${to}T00:00:00Z`);
  if (!(first <= last)) return [];
  return Array.from({ length: (last - first) / DAY_MS + 1 }, (_, i) => dayAt(first + i * DAY_MS));
}

/** So many groups fit into memory, and into an answer that anybody can use. */
const MAX_GROUPS = 100_000;

/**
 * What was used, by the greatest cost first, then by the most calls. Errors: StoreError; `request_too_large` if there are
 * more than 100,000 groups. Aborts: rejects with the signal's reason after the day that it is at.
 */
export async function usageReport(
  store: Pick<Store, 'tallied'>,
  query: UsageQuery,
  signal?: AbortSignal,
): Promise<readonly UsageGroup[]> {
  const groups = new Map<string, UsageGroup>();
  for (const day of daysFrom(query.from, query.to)) {
    const counters = await store.tallied(tableOf(day));
    signal?.throwIfAborted();
    for (const [name, count] of counters) addCounter(groups, query, day, name, count);
    if (groups.size > MAX_GROUPS) throw tooLarge();
  }
  return [...groups.values()].toSorted(
    ({ counts: one }, { counts: other }) => other.nanoUsd - one.nanoUsd || other.calls - one.calls,
  );
}

const tooLarge = () =>
  new GatewayError(
    'request_too_large',
    'The report has more than 100,000 rows. Ask for fewer days, or divide it by less.',
  );

/** All groups together. */
export const totalOf = (groups: readonly UsageGroup[]): Measured =>
  groups.reduce((sum, { counts }) => addMeasured(sum, counts), unmeasured);

function addCounter(
  groups: Map<string, UsageGroup>,
  { by, where }: UsageQuery,
  day: string,
  name: string,
  count: number,
): void {
  const read = readCounter(name);
  if (!read) return;
  const { row, measure } = read;
  const wanted = Object.entries(where).every(([division, value]) => partOf(division as Division, row, day) === value);
  if (!wanted) return;
  const values = by.map((division) => partOf(division, row, day));
  const key = JSON.stringify(values);
  const { counts = unmeasured } = groups.get(key) ?? {};
  groups.set(key, { values, counts: addMeasured(counts, { ...unmeasured, [measure]: count }) });
}

function partOf(division: Division, { labels, ...row }: UsageRow, day: string): string {
  switch (division) {
    case 'day':
      return day;
    case 'team':
    case 'key':
    case 'provider':
    case 'model':
      return row[division];
    default:
      return labels[division.slice('label:'.length)] ?? '';
  }
}
