import { create } from '@bufbuild/protobuf';
import {
  type GetUsageReportRequest,
  GetUsageReportResponseSchema,
  type UsageRow,
  UsageRowSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import type { AdminGroup } from '../admin-service.ts';
import { Violations, withinBytes } from '../validate/violations.ts';

/** What was used by one group, as numbers of calls, tries and tokens, and thousand-millionths of a dollar. */
export interface UsedCounts {
  readonly calls: number;
  readonly failed: number;
  readonly tries: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  readonly nanoUsd: number;
  readonly unpriced: number;
}

/** What a report is about. Days are in UTC, as 2026-11-21; the last one is included. */
export interface ReportQuery<Division extends string> {
  readonly from: string;
  readonly to: string;
  readonly by: readonly Division[];
  readonly where: Readonly<Partial<Record<Division, string>>>;
}

export interface UsageReport {
  /** The dearest first; `values` in the order of the divisions. */
  readonly groups: readonly { readonly values: readonly string[]; readonly counts: UsedCounts }[];
  /** All of them together. */
  readonly total: UsedCounts;
}

export interface UsageParts<Division extends string> {
  /** By what usage can be divided now. */
  readonly divisions: () => readonly Division[];
  /** The day that it is, in UTC. */
  readonly today: () => string;
  /** Errors: GatewayError. Aborts: rejects with the signal's reason. */
  readonly report: (query: ReportQuery<Division>, signal: AbortSignal) => Promise<UsageReport>;
}

const DAY_MS = 24 * 3_600_000;
const MOST_DAYS = 366;
const MOST_DIVISIONS = 6;
const MOST_ROWS = 10_000;
const DEFAULT_ROWS = 1_000;
const MAX_VALUE_BYTES = 512;

/** What calls have used. */
export function usageAdmin<Division extends string>(parts: UsageParts<Division>): AdminGroup<'getUsageReport'> {
  return {
    async getUsageReport(request, { signal }) {
      const { groups, total } = await parts.report(queryOf(request, parts), signal);
      const rows = groups.slice(0, request.limit || DEFAULT_ROWS).map(({ values, counts }) => rowOf(values, counts));
      return create(GetUsageReportResponseSchema, { rows, total: rowOf([], total) });
    },
  };
}

/** Errors: `invalid_request`. */
function queryOf<Division extends string>(
  { fromDay, toDay, groupBy, filter, limit }: GetUsageReportRequest,
  { divisions, today }: UsageParts<Division>,
): ReportQuery<Division> {
  const found = new Violations();
  const to = toDay || today();
  const from = fromDay || to;
  checkDays(from, to, found);
  const known = divisions();
  const rule = `must be one of ${known.join(', ')}`;
  const isKnown = (name: string): name is Division => known.some((each) => each === name);
  found.check(groupBy.length <= MOST_DIVISIONS, 'group_by', 'must have at most 6 entries');
  for (const [i, name] of groupBy.slice(0, MOST_DIVISIONS).entries()) {
    found.check(isKnown(name), `group_by[${i}]`, rule);
    found.check(groupBy.indexOf(name) === i, `group_by[${i}]`, 'must not be there twice');
  }
  const wanted = Object.entries(filter);
  found.check(wanted.length <= MOST_DIVISIONS, 'filter', 'must have at most 6 entries');
  for (const [name, value] of wanted.slice(0, MOST_DIVISIONS)) {
    found.check(isKnown(name), 'filter', `has a name that is not known: each ${rule}`);
    found.check(withinBytes(value, MAX_VALUE_BYTES), 'filter', 'must have values of at most 512 bytes');
  }
  found.check(limit <= MOST_ROWS, 'limit', 'must be at most 10,000');
  found.throwIfAny();
  return { from, to, by: groupBy.filter(isKnown), where: Object.fromEntries(wanted) as ReportQuery<Division>['where'] };
}

function checkDays(from: string, to: string, found: Violations): void {
  const [first, last] = [dayMs(from), dayMs(to)];
  found.check(from === to || !Number.isNaN(first), 'from_day', 'must be a day such as 2026-11-21');
  found.check(!Number.isNaN(last), 'to_day', 'must be a day such as 2026-11-21');
  if (Number.isNaN(first) || Number.isNaN(last)) return;
  found.check(first <= last, 'from_day', 'must not be after to_day');
  found.check(last - first <= MOST_DAYS * DAY_MS, 'to_day', 'must be at most 366 days after from_day');
}

/** The day's beginning. NaN: there is no such day. */
function dayMs(day: string): number {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return Number.NaN;
  const ms = Date.parse(`${day}T00:00:00Z`);
  // In some engines the 31st of a shorter month is the 1st of the next.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== day ? Number.NaN : ms;
}

const rowOf = (values: readonly string[], counts: UsedCounts): UsageRow =>
  create(UsageRowSchema, {
    values: [...values],
    calls: BigInt(counts.calls),
    failedCalls: BigInt(counts.failed),
    tries: BigInt(counts.tries),
    inputTokens: BigInt(counts.inputTokens),
    outputTokens: BigInt(counts.outputTokens),
    cachedInputTokens: BigInt(counts.cachedInputTokens),
    cacheWriteTokens: BigInt(counts.cacheWriteTokens),
    reasoningTokens: BigInt(counts.reasoningTokens),
    nanoUsd: BigInt(counts.nanoUsd),
    unpricedTries: BigInt(counts.unpriced),
  });
