import { cacheResults, type News } from '../core/news.ts';
import { CounterFamily, type Family, Labelled, NANO, observed } from './instruments.ts';

/** How much the cache holds in this process. */
export interface CacheGauges {
  readonly entries: number;
  readonly bytes: number;
  /** Answers that had to go for others, since the start. */
  readonly evictions: number;
}

/** What is counted of the cache. `read` is asked at every scrape. */
export function cacheMetrics(read: () => CacheGauges): {
  readonly families: readonly Family[];
  readonly tell: (news: Extract<News, { type: 'cache' }>) => void;
} {
  const requests = new CounterFamily({ name: 'llm_cache_requests_total', help: 'Calls, by what the cache did.' });
  const hits = new CounterFamily({ name: 'llm_cache_hits_total', help: 'Calls that the cache answered, by where.' });
  const saved = new CounterFamily(
    { name: 'llm_cache_saved_usd_total', help: 'What the answers had cost that it gave, in US dollars.' },
    { countedPerShown: NANO },
  );
  const byResult = new Labelled(requests, ['result']);
  const byTier = new Labelled(hits, ['tier']);
  const money = saved.series({});
  for (const result of cacheResults) byResult.of(labelOf(result));
  for (const tier of ['local', 'shared']) byTier.of(tier);
  const gauge = (name: string, help: string, value: (now: CacheGauges) => number, isMonotonic = false) =>
    observed({ name, help }, isMonotonic, () => value(read()));
  return {
    families: [
      requests,
      hits,
      saved,
      gauge('llm_cache_entries', 'Answers in this process.', ({ entries }) => entries),
      gauge('llm_cache_bytes', 'What they take, in bytes.', ({ bytes }) => bytes),
      gauge('llm_cache_evictions_total', 'Answers that had to go for others.', ({ evictions }) => evictions, true),
    ],
    tell({ result, savedNanoUsd }) {
      byResult.of(labelOf(result)).value++;
      if (result === 'hit_local') byTier.of('local').value++;
      if (result === 'hit_shared') byTier.of('shared').value++;
      if (savedNanoUsd !== undefined) money.value += Number(savedNanoUsd);
    },
  };
}

const labelOf = (result: (typeof cacheResults)[number]): string => (result.startsWith('hit_') ? 'hit' : result);
