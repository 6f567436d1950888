import { idempotencyResults, type Tell } from '../core/news.ts';
import { CounterFamily, type Family, Labelled } from './instruments.ts';

/** What is counted of calls with an idempotency key. */
export function idempotencyMetrics(): { readonly families: readonly Family[]; readonly tell: Tell } {
  const requests = new CounterFamily({
    name: 'llm_idempotency_requests_total',
    help: 'Calls with an idempotency key, by what came of the key.',
  });
  const byResult = new Labelled(requests, ['result']);
  for (const result of idempotencyResults) byResult.of(result);
  return {
    families: [requests],
    tell(news) {
      if (news.type === 'idempotency') byResult.of(news.result).value++;
    },
  };
}
