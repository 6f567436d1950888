import { limitUnits, limitWindows, subjectKinds } from '../core/limits.ts';
import type { Tell } from '../core/news.ts';
import { CounterFamily, type Family, Labelled } from './instruments.ts';

/** What is counted of limits. No label names a team, a key or a model: those are as many as operators like. */
export function limitMetrics(): { readonly families: readonly Family[]; readonly tell: Tell } {
  const refusals = new CounterFamily({ name: 'llm_limit_refusals_total', help: 'Calls that a limit had no room for.' });
  const alerts = new CounterFamily({
    name: 'llm_limit_alerts_total',
    help: 'Limits of which a share was used up that is to be told, once for each window.',
  });
  const unchecked = new CounterFamily({
    name: 'llm_limits_unchecked_total',
    help: 'Times that the store failed, so that a call went on without its limits.',
  });
  const names = ['subject', 'unit', 'window'];
  const refused = new Labelled(refusals, names);
  const alerted = new Labelled(alerts, names);
  const notChecked = unchecked.series({});
  // What is to be alerted on when it first increases must be there before.
  for (const subject of subjectKinds)
    for (const unit of limitUnits)
      for (const window of limitWindows) for (const counted of [refused, alerted]) counted.of(subject, unit, window);
  return {
    families: [refusals, alerts, unchecked],
    tell(news) {
      if (news.type === 'limit_refused') refused.of(news.subject, news.unit, news.window).value++;
      else if (news.type === 'limit_alert') alerted.of(news.subject.kind, news.limit.unit, news.limit.window).value++;
      else if (news.type === 'limits_unchecked') notChecked.value++;
    },
  };
}
