import type { Clock } from '../core/clock.ts';
import { CounterFamily, type Family, Labelled, observed } from './instruments.ts';

/** `rejected`: it could not be used, so that the one before stays. */
export type ReloadResult = 'ok' | 'rejected';

/** How often the configuration was read again, and when it was last taken on. The start counts as the first time. */
export function configMetrics(clock: Pick<Clock, 'wallMs'>): {
  readonly families: readonly Family[];
  readonly reloaded: (result: ReloadResult) => void;
} {
  const reloads = new CounterFamily({
    name: 'llm_config_reloads_total',
    help: 'How often the configuration was read again.',
  });
  const byResult = new Labelled(reloads, ['result']);
  for (const result of ['ok', 'rejected']) byResult.of(result);
  let takenOnMs = clock.wallMs();
  const takenOn = observed(
    {
      name: 'llm_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration was last taken on, since 1970.',
      unit: 'seconds',
    },
    false,
    () => takenOnMs / 1000,
  );
  return {
    families: [reloads, takenOn],
    reloaded(result) {
      byResult.of(result).value++;
      if (result === 'ok') takenOnMs = clock.wallMs();
    },
  };
}
