import { alertKinds } from '../core/alert.ts';
import type { Tell } from '../core/news.ts';
import { CounterFamily, type Family, Labelled } from './instruments.ts';

/** How often operators were alerted. What about is in the log and in ListAlerts. */
export function alertMetrics(): { readonly families: readonly Family[]; readonly tell: Tell } {
  const alerts = new CounterFamily({
    name: 'llm_alerts_total',
    help: 'Alerts: each once, until things have been good again.',
  });
  const byKind = new Labelled(alerts, ['kind']);
  for (const kind of alertKinds) byKind.of(kind);
  return {
    families: [alerts],
    tell(news) {
      if (news.type === 'alert') byKind.of(news.kind).value++;
      else if (news.type === 'limit_alert') byKind.of('limit').value++;
    },
  };
}
