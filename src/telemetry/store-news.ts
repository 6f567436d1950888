import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

type Counted = Pick<Metrics, 'storeFailed' | 'storeLost'>;
type Failure = Parameters<Counted['storeFailed']>[0];

/** Says that the shared store came or went, and counts what else happens to it. */
export const storeNews = (log: Pick<Logger, 'info' | 'warn'>, { storeFailed, storeLost }: Counted) => ({
  changed(mode: 'shared' | 'local', failure: Failure | undefined): void {
    if (mode === 'shared') log.info({ mode }, 'the shared store is in use');
    else log.warn({ mode, reason: failure }, 'the shared store is away: each replica decides alone');
  },
  failed: storeFailed,
  lost: storeLost,
  left(changes: number): void {
    log.warn({ changes }, 'the shared store was away at the end, and was not told all');
  },
});
