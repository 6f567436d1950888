import type { Subject } from '../bench.ts';
import { sumOf } from '../metrics-page.ts';
import type { MockProvider } from '../mock-provider.ts';

/** What was counted so far, by the providers and by the gateway. */
export interface Counts {
  /** Requests that reached a provider, and tries that found nobody listening. */
  readonly upstreamCalls: number;
  /** How often a breaker has opened. */
  readonly openings: number;
  /** Calls that went on to another provider. */
  readonly moves: number;
  /** Calls that the gateway refused for want of room: there is room for all. */
  readonly refused: number;
}

/** All providers must work. */
export async function counts(providers: readonly MockProvider[], gateway: Pick<Subject, 'metrics'>): Promise<Counts> {
  const requests = await Promise.all(providers.map((provider) => provider.become('working')));
  const page = await gateway.metrics();
  const total = (...metrics: string[]) => sum(metrics.map((metric) => sumOf(page, metric)));
  const unreachable = sumOf(page, 'llm_attempts_total', { error_type: 'upstream_unreachable' });
  return {
    upstreamCalls: sum(requests) + unreachable,
    openings: sumOf(page, 'llm_breaker_transitions_total', { state: 'open' }),
    moves: total('llm_fallbacks_total', 'llm_restarts_total'),
    refused: total('llm_shed_total', 'llm_queue_refusals_total'),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

export const difference = (after: Counts, before: Counts): Counts => ({
  upstreamCalls: after.upstreamCalls - before.upstreamCalls,
  openings: after.openings - before.openings,
  moves: after.moves - before.moves,
  refused: after.refused - before.refused,
});
