import type { Exchange } from '../../support/recordings.ts';

export type Verdict = 'agreed' | 'differing' | 'refused';

export interface Judged {
  readonly exchange: Exchange;
  readonly verdict: Verdict;
  /** The stated reason; empty where both sides agree. */
  readonly because: string;
}

const VERDICTS = ['agreed', 'differing', 'refused'] as const;

const count = (judged: readonly Judged[], verdict: Verdict): number =>
  judged.filter((one) => one.verdict === verdict).length;

const groupOf = ({ provider, endpoint, mode }: Exchange): string =>
  `${provider.replace(/:.*/, '')} ${endpoint}`.padEnd(28) + mode.padEnd(8);

/** The counts by provider and mode, and each reason that was stated. */
export function verdictTable(judged: readonly Judged[]): string {
  const groups = Map.groupBy(judged, ({ exchange }) => groupOf(exchange));
  const row = (name: string, all: readonly Judged[]) =>
    name +
    VERDICTS.map((verdict) => String(count(all, verdict)).padStart(11)).join('') +
    String(all.length).padStart(7);
  const reasons = judged
    .filter(({ because }) => because !== '')
    .map(({ exchange, verdict, because }) => `${verdict.padEnd(10)} ${exchange.id}: ${because}`);
  return [
    `${'provider'.padEnd(36)}${VERDICTS.map((verdict) => verdict.padStart(11)).join('')}${'all'.padStart(7)}`,
    ...[...groups].sort(([a], [b]) => a.localeCompare(b)).map(([name, all]) => row(name, all)),
    row('all'.padEnd(36), judged),
    '',
    ...reasons.sort(),
    '',
  ].join('\n');
}
