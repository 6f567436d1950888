import type { Times } from '../load/job.ts';
import type { MachineFacts } from '../machine.ts';
import { machineLine, number } from '../report.ts';
import type { Counts } from './counts.ts';

/** One kind of trouble, by one strategy. Times are those until the first token, or the answer. */
export interface OutageRow extends Times, Counts {
  readonly strategy: string;
  readonly mode: string;
  readonly calls: number;
  readonly failed: number;
  /** Some of what was wrong. */
  readonly errors: readonly string[];
  readonly machine: MachineFacts;
}

export interface OutageReport {
  readonly at: string;
  readonly seconds: number;
  readonly callers: number;
  readonly deadlineMs: number;
  /** For each strategy, the first is the one without trouble. */
  readonly rows: readonly OutageRow[];
}

/** The most calls to providers for each call. */
const MOST_UPSTREAM_CALLS = 1.2;

/** The report as a person reads it. */
export function outageMarkdown({ at, seconds, callers, deadlineMs, rows }: OutageReport): string {
  const tooMany = rows.filter((row) => ratioOf(row) > MOST_UPSTREAM_CALLS).length;
  const unanswered = rows.reduce((sum, { failed }) => sum + failed, 0);
  return [
    '| strategy | one provider | calls | answered | p50 ms | p99 ms | p99 added | slowest ms | moved on | provider calls per call | breaker opened |',
    '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) => lineOf(row, rows)),
    '',
    `Every call answered: ${unanswered === 0 ? 'met' : `missed by ${unanswered} calls`}. ` +
      `At most ${MOST_UPSTREAM_CALLS} calls to providers per call: ${tooMany === 0 ? 'met' : `missed in ${tooMany} rows`}.`,
    '',
    `${rows[0] ? machineLine(at, rows[0].machine) : ''} ${seconds} s of each trouble, ${callers} callers with a deadline of ` +
      `${deadlineMs / 1000} s. Other processes used ${othersOf(rows)} of the machine.`,
  ].join('\n');
}

function lineOf(row: OutageRow, rows: readonly OutageRow[]): string {
  const healthy = rows.find(({ strategy }) => strategy === row.strategy) ?? row;
  const added = row === healthy ? '' : number(row.p99Ms - healthy.p99Ms, 1);
  const cells = [
    row.strategy,
    row.mode,
    number(row.calls, 0),
    shareOf(row),
    number(row.p50Ms, 1),
    number(row.p99Ms, 1),
    added,
    number(row.maxMs, 0),
    number(row.moves, 0),
    number(ratioOf(row), 3),
    number(row.openings, 0),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** From the least to the most, of all rows. */
function othersOf(rows: readonly OutageRow[]): string {
  const percents = rows.map(({ machine }) => machine.othersShare * 100);
  return `${number(Math.min(...percents), 0)} to ${number(Math.max(...percents), 0)} %`;
}

const ratioOf = ({ upstreamCalls, calls }: OutageRow): number => upstreamCalls / calls;

/** Never rounded up to all of them. */
const shareOf = ({ calls, failed }: OutageRow): string =>
  failed === 0 ? '100 %' : `${number(Math.floor((1 - failed / calls) * 1e5) / 1e3, 3)} %`;

/** What was wrong, of all rows. */
export const outageErrors = ({ rows }: OutageReport): string[] =>
  rows.flatMap(({ strategy, mode, errors, refused }) => {
    const refusals = refused > 0 ? [`${refused} calls were refused for want of room`] : [];
    return [...errors, ...refusals].map((error) => `${strategy}, ${mode}: ${error}`);
  });
