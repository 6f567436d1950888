import { recordKinds, type Tell } from '../core/news.ts';
import { CounterFamily, type Family, Labelled } from './instruments.ts';

/** What is counted of what was to be kept, and is lost. */
export function lostMetrics(): { readonly families: readonly Family[]; readonly tell: Tell } {
  const records = new CounterFamily({
    name: 'llm_records_lost_total',
    help: 'Counts of usage and audit events that the store did not take for too long.',
  });
  const lost = new Labelled(records, ['kind']);
  // What is to be alerted on when it first increases must be there before.
  for (const kind of recordKinds) lost.of(kind);
  return {
    families: [records],
    tell(news) {
      if (news.type === 'records_lost') lost.of(news.kind).value += news.count;
    },
  };
}
