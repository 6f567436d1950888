import type { News, ShadowComparison, Tell } from '../core/news.ts';
import { priorities } from '../core/policy.ts';
import {
  CounterFamily,
  DURATION_SECONDS,
  type Family,
  HistogramFamily,
  Labelled,
  NANO,
  OTHER,
  observedSeries,
} from './instruments.ts';

/** The state of a provider, as a number or as yes and no. */
export interface ProviderGauges {
  readonly provider: string;
  /** Whether calls can be made to it, as Health says. */
  readonly up: boolean;
  /** Calls waiting for a turn. */
  readonly queued: number;
  /** Its models whose breaker is open. */
  readonly openBreakers: number;
}

/**
 * What is counted of what happens on the way of calls, and of the state of providers. No label is written by a caller:
 * only providers that `know` was told of have one of their own. `gauges` gives one for each provider, and is asked at
 * every scrape.
 */
export function resilienceMetrics(gauges: () => readonly ProviderGauges[]): {
  readonly families: readonly Family[];
  readonly tell: Tell;
  readonly know: (provider: string) => void;
} {
  const families = newFamilies();
  const series = seriesOf(families);
  const known = new Set<string>();
  return {
    families: [...Object.values(families), ...gaugeFamilies(gauges)],
    tell: (news) => count(series, news, (provider) => (known.has(provider) ? provider : OTHER)),
    know(provider) {
      known.add(provider);
      begin(series, provider);
    },
  };
}

function newFamilies() {
  const counter = (name: string, help: string, countedPerShown = 1) =>
    new CounterFamily({ name, help }, { countedPerShown });
  return {
    retries: counter('llm_retries_total', 'Tries that were repeated at the same model.'),
    budget: counter('llm_retry_budget_exhausted_total', 'Tries that were not made: too many were repeats already.'),
    fallbacks: counter(
      'llm_fallbacks_total',
      'Calls that went on to another model, nothing having gone to the caller.',
    ),
    restarts: counter('llm_restarts_total', 'Streams that began anew at another model.'),
    hedges: counter('llm_hedges_total', 'Further tries that were sent while the first went on.'),
    escalations: counter('llm_escalations_total', 'Calls that went on to a stronger model, the answer not being good.'),
    fallbackAnswers: counter('llm_fallback_answers_total', 'Calls that got the configured answer: no model gave one.'),
    shadows: counter('llm_shadow_calls_total', 'Copies of calls, whose answers nobody gets.'),
    shadowCost: counter('llm_shadow_cost_usd_total', 'What copies of calls cost, in US dollars.', NANO),
    shadowDuration: new HistogramFamily(
      {
        name: 'llm_shadow_duration_seconds',
        help: 'How long a call took, and the copy of the same call. Only where the copy succeeded.',
        unit: 'seconds',
      },
      DURATION_SECONDS,
    ),
    shed: counter('llm_shed_total', 'Calls that were refused since the gateway itself had too much to do.'),
    ended: counter('llm_calls_ended_for_memory_total', 'Calls under way that were ended to save the process.'),
    queueRefusals: counter('llm_queue_refusals_total', 'Calls that got no turn at a provider.'),
    breakers: counter('llm_breaker_transitions_total', 'Changes of the breakers of models, by the state they went to.'),
  };
}

type Families = ReturnType<typeof newFamilies>;

const breakerStates = ['closed', 'open', 'half_open'];
const refusalCauses = ['full', 'too_late', 'too_long'];

/** Those to be alerted on when they first increase are there from the start: before, an increase is not seen. */
function seriesOf(families: Families) {
  const series = {
    retries: new Labelled(families.retries, ['provider', 'error_type']),
    budget: new Labelled(families.budget, ['provider']),
    fallbacks: new Labelled(families.fallbacks, ['provider', 'to_provider', 'error_type']),
    restarts: new Labelled(families.restarts, ['provider', 'to_provider', 'error_type']),
    hedges: new Labelled(families.hedges, ['provider', 'result']),
    escalations: new Labelled(families.escalations, ['provider', 'cause']),
    fallbackAnswers: families.fallbackAnswers.series({}),
    shadows: new Labelled(families.shadows, ['provider', 'result']),
    shadowCost: new Labelled(families.shadowCost, ['provider']),
    shadowDuration: new Labelled(families.shadowDuration, ['provider', 'answer']),
    shed: new Labelled(families.shed, ['priority', 'cause']),
    ended: families.ended.series({}),
    queueRefusals: new Labelled(families.queueRefusals, ['provider', 'cause']),
    breakers: new Labelled(families.breakers, ['provider', 'state']),
  };
  for (const priority of priorities) for (const cause of ['delay', 'memory']) series.shed.of(priority, cause);
  return series;
}

type Series = ReturnType<typeof seriesOf>;

/** The same for those of a provider. */
function begin({ budget, queueRefusals, breakers }: Series, provider: string): void {
  budget.of(provider);
  for (const cause of refusalCauses) queueRefusals.of(provider, cause);
  for (const state of breakerStates) breakers.of(provider, state);
}

/** `named` gives the label of a provider. */
type Named = (provider: string) => string;

function count(series: Series, news: News, named: Named): void {
  switch (news.type) {
    case 'retried':
      series.retries.of(named(news.target.provider), news.reason).value++;
      break;
    case 'budget_spent':
      series.budget.of(named(news.provider)).value++;
      break;
    case 'moved':
      series.fallbacks.of(named(news.from.provider), named(news.to.provider), news.reason).value++;
      break;
    case 'restarted':
      series.restarts.of(named(news.from.provider), named(news.to.provider), news.reason).value++;
      break;
    case 'hedged':
      series.hedges.of(named(news.target.provider), news.won ? 'won' : 'lost').value++;
      break;
    case 'escalated':
      series.escalations.of(named(news.from.provider), news.cause).value++;
      break;
    case 'shadowed':
      countShadow(series, news.comparison, named);
      break;
    case 'shadow_skipped':
      series.shadows.of(named(news.target.provider), 'skipped').value++;
      break;
    case 'shed':
      series.shed.of(news.priority, news.cause).value++;
      break;
    case 'ended_for_memory':
      series.ended.value++;
      break;
    case 'queue_refused':
      series.queueRefusals.of(named(news.provider), news.cause).value++;
      break;
    case 'breaker':
      series.breakers.of(named(news.target.provider), news.state).value++;
      break;
    case 'fallback_answered':
      series.fallbackAnswers.value++;
      break;
    case 'cache':
      // Counted by `cache-metrics`.
      break;
    case 'idempotency':
      // Counted by `idempotency-metrics`.
      break;
    case 'probe':
      // Its gauge says so.
      break;
  }
}

function countShadow(
  series: Series,
  { shadow, error, durationMs, shadowDurationMs, shadowCostNanoUsd }: ShadowComparison,
  named: Named,
): void {
  const provider = named(shadow.provider);
  series.shadows.of(provider, error ? 'error' : 'ok').value++;
  if (shadowCostNanoUsd !== undefined) series.shadowCost.of(provider).value += shadowCostNanoUsd;
  if (error) return;
  series.shadowDuration.of(provider, 'primary').record(durationMs / 1000);
  series.shadowDuration.of(provider, 'shadow').record(shadowDurationMs / 1000);
}

function gaugeFamilies(read: () => readonly ProviderGauges[]): readonly Family[] {
  const gauge = (name: string, help: string, value: (state: ProviderGauges) => number) =>
    observedSeries({ name, help }, false, () =>
      read().map((state) => ({ labels: { provider: state.provider }, value: value(state) })),
    );
  return [
    gauge('llm_provider_up', 'Whether calls can be made to a provider, as Health says: 1 or 0.', ({ up }) =>
      up ? 1 : 0,
    ),
    gauge('llm_queued_calls', 'Calls waiting for a turn at a provider.', ({ queued }) => queued),
    gauge('llm_breaker_open', 'Models of a provider whose breaker is open.', ({ openBreakers }) => openBreakers),
  ];
}
