import type { Door, Subject } from './bench.ts';
import type { MachineFacts } from './machine.ts';
import { MIXED_ANSWER_MS, MIXED_TOKENS_PER_SECOND } from './mixed.ts';
import type { Metrics, Round, Scale } from './scenario.ts';
import { TOKENS_PER_SECOND } from './scenarios.ts';

export interface DoorReport {
  readonly door: Door;
  readonly machine: MachineFacts;
  readonly medians: Readonly<Record<Subject['name'], Metrics>>;
  readonly rounds: Readonly<Record<Subject['name'], readonly Metrics[]>>;
  readonly errors: readonly string[];
}

export interface Report {
  readonly at: string;
  readonly scale: Scale;
  readonly doors: readonly DoorReport[];
}

interface Target {
  readonly least?: number;
  readonly most?: number;
}

interface Row {
  readonly metric: string;
  label(scale: Scale): string;
  readonly digits: number;
  /** What the ratio of gateway to bare should keep to, by the door. */
  readonly targets?: Readonly<Partial<Record<Door, Target>>>;
  /** A ratio of these says nothing. */
  readonly noRatio?: true;
}

const row = (metric: string, label: string | Row['label'], digits: number, more: Partial<Row> = {}): Row => ({
  metric,
  label: typeof label === 'string' ? () => label : label,
  digits,
  ...more,
});

const streams = ({ pacedStreams }: Scale) =>
  `${pacedStreams.toLocaleString('en')} streams at ${TOKENS_PER_SECOND} tokens/s`;

const both = ({ pacedStreams }: Scale) =>
  `${pacedStreams.toLocaleString('en')} streams at ${MIXED_TOKENS_PER_SECOND} tokens/s and as many calls of ${MIXED_ANSWER_MS / 1000} s`;

const PER_TOKEN = { grpc: { most: 1.25 }, openai: { most: 1.25 } };

const ROWS: readonly Row[] = [
  row('callsPerSecond', 'unary calls/s, 32 at once', 0, {
    targets: { grpc: { least: 0.75 }, openai: { least: 0.7 } },
  }),
  row('cpuUsPerCall', 'CPU µs per unary call', 1),
  row('addedP50Ms', 'added to a unary call, p50 ms', 2),
  row('addedP99Ms', 'added to a unary call, p99 ms', 2),
  row('halfCallsPerSecond', 'calls/s at half load, 32 callers', 0),
  row('halfAddedP50Ms', '— added to a call, p50 ms', 2),
  row('halfAddedP99Ms', '— added to a call, p99 ms', 2),
  row('fastTokensPerSecond', 'tokens/s, 16 streams unpaced', 0),
  row('fastCpuUsPerToken', 'CPU µs per token, 16 streams unpaced', 2, { targets: PER_TOKEN }),
  row('pacedCpuUsPerToken', (scale) => `CPU µs per token, ${streams(scale)}`, 2, { targets: PER_TOKEN }),
  row('pacedTokensPerSecond', (scale) => `tokens/s of the median stream, ${streams(scale)}`, 1),
  row('pacedBusy', (scale) => `cores kept busy, ${streams(scale)}`, 2),
  row('pacedRssMb', (scale) => `RSS MB, ${streams(scale)}`, 0),
  row('mixedInFlight', (scale) => `calls at providers midway, ${both(scale)}`, 0, { noRatio: true }),
  row('mixedTokensPerSecond', '— tokens/s of the median stream', 1),
  row('mixedAddedP50Ms', '— added to a call, p50 ms', 1),
  row('mixedAddedP99Ms', '— added to a call, p99 ms', 1),
  row('mixedBusy', '— cores kept busy', 2),
  row('mixedRssMb', '— RSS MB', 0),
  row('idleRssMb', 'RSS MB, idle', 0),
  row('cancelUnaryP50Ms', 'cancel to closed upstream socket, unary, p50 ms', 2, { noRatio: true }),
  row('cancelUnaryMaxMs', '— slowest, ms', 2, { noRatio: true }),
  row('cancelStreamP50Ms', 'cancel to closed upstream socket, stream, p50 ms', 2, { noRatio: true }),
  row('cancelStreamMaxMs', '— slowest, ms', 2, { noRatio: true }),
];

/** Takes the rounds of both servers together. */
export function summarise(
  door: Door,
  rounds: Record<Subject['name'], readonly Round[]>,
  machine: MachineFacts,
): DoorReport {
  const metrics = { bare: rounds.bare.map(metricsOf), gateway: rounds.gateway.map(metricsOf) };
  return {
    door,
    machine,
    medians: { bare: medians(metrics.bare), gateway: medians(metrics.gateway) },
    rounds: metrics,
    errors: Object.entries(rounds).flatMap(([name, list]) =>
      list.flatMap(({ errors }) => errors.map((error) => `${door} ${name}: ${error}`)),
    ),
  };
}

const metricsOf = ({ metrics }: Round): Metrics => metrics;

function medians(rounds: readonly Metrics[]): Metrics {
  const names = new Set(rounds.flatMap((metrics) => Object.keys(metrics)));
  return Object.fromEntries([...names].map((name) => [name, median(rounds.flatMap((metrics) => metrics[name] ?? []))]));
}

/** The middle one, or between the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

/** The report as a person reads it: a table for each door, and below it the targets. */
export function toMarkdown(report: Report): string {
  return report.doors.map((door) => doorMarkdown(door, report)).join('\n\n');
}

const TITLES: Readonly<Record<Door, string>> = {
  grpc: 'gRPC',
  connect: 'Connect over HTTP/1.1',
  openai: 'OpenAI HTTP over HTTP/1.1',
};

function doorMarkdown(
  { door, machine, medians: { bare, gateway }, errors }: DoorReport,
  { at, scale }: Report,
): string {
  const rows = ROWS.filter(({ metric }) => metric in gateway);
  const lines = rows.map((each) => {
    const [a = Number.NaN, b = Number.NaN] = [bare[each.metric], gateway[each.metric]];
    const ratio = each.noRatio ? '' : `${number(b / a, 2)}${verdict(each.targets?.[door], b / a)}`;
    return `| ${each.label(scale)} | ${number(a, each.digits)} | ${number(b, each.digits)} | ${ratio} |`;
  });
  return [
    `### ${TITLES[door]}`,
    '',
    '| | bare proxy | gateway | ratio |',
    '|---|---:|---:|---:|',
    ...lines,
    '',
    `${machineLine(at, machine)} Medians of ${scale.rounds}. Wrong answers: ${errors.length}. Other processes used ${number(machine.othersShare * 100, 0)} % of the machine.`,
  ].join('\n');
}

/** When and where it was measured. */
export const machineLine = (at: string, { node, platform, cores, cpu, memoryGb }: MachineFacts): string =>
  `${at.slice(0, 10)}, Node ${node} on ${platform}, ${cores} cores of ${cpu}, ${memoryGb} GB.`;

function verdict(target: Target | undefined, ratio: number): string {
  if (!target) return '';
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target;
  const wanted = target.least === undefined ? `at most ${most}` : `at least ${least}`;
  return ` (${wanted}: ${ratio >= least && ratio <= most ? 'met' : 'missed'})`;
}

/** As people read it. */
export const number = (value: number, digits: number): string =>
  Number.isFinite(value)
    ? value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : 'n/a';

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

/** The page with what stands between its markers replaced. Throws if they are missing. */
export function replaceBetweenMarkers(page: string, content: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END, begin);
  if (begin === -1 || end === -1) throw new Error(`The page has no ${BEGIN} and ${END}.`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${content}\n\n${page.slice(end)}`;
}
