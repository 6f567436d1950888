import type { News } from '../core/news.ts';
import { CounterFamily, type Family, Labelled, OTHER } from './instruments.ts';

const actions = ['trimmed', 'clamped', 'rejected'];

/** What is counted of requests that did not fit. Only providers that `know` was told of have a label of their own. */
export function thriftMetrics(): {
  readonly families: readonly Family[];
  readonly tell: (news: News) => void;
  readonly know: (provider: string) => void;
} {
  const requests = new CounterFamily({
    name: 'llm_context_fitted_total',
    help: "Requests that did not fit into a model's context, by what was done.",
  });
  const messages = new CounterFamily({
    name: 'llm_context_trimmed_messages_total',
    help: "Messages that were left out to fit into a model's context.",
  });
  const byAction = new Labelled(requests, ['provider', 'action']);
  const byProvider = new Labelled(messages, ['provider']);
  const known = new Set<string>();
  const named = (provider: string) => (known.has(provider) ? provider : OTHER);
  return {
    families: [requests, messages],
    tell(news) {
      if (news.type === 'context_trimmed') {
        byAction.of(named(news.provider), 'trimmed').value++;
        byProvider.of(named(news.provider)).value += news.messages;
      } else if (news.type === 'context_clamped') byAction.of(named(news.provider), 'clamped').value++;
      else if (news.type === 'context_rejected') byAction.of(named(news.provider), 'rejected').value++;
    },
    know(provider) {
      known.add(provider);
      for (const action of actions) byAction.of(provider, action);
      byProvider.of(provider);
    },
  };
}
