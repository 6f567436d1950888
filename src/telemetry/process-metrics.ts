import { performance } from 'node:perf_hooks';
import { type Family, observed } from './instruments.ts';

const MICROSECONDS = 1e6;

/** What the process itself uses, under the names that Prometheus clients give it. Costs nothing between scrapes. */
export function processMetrics(startedSeconds: number): readonly Family[] {
  let last = performance.eventLoopUtilization();
  return [
    observed(
      { name: 'process_cpu_seconds_total', help: 'CPU time used, user and system.', unit: 'seconds' },
      true,
      () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / MICROSECONDS;
      },
    ),
    observed({ name: 'process_resident_memory_bytes', help: 'Resident memory.', unit: 'bytes' }, false, () =>
      process.memoryUsage.rss(),
    ),
    observed(
      { name: 'process_start_time_seconds', help: 'When the process started, since 1970.', unit: 'seconds' },
      false,
      () => startedSeconds,
    ),
    observed(
      { name: 'nodejs_eventloop_utilization', help: 'The busy share of the event loop since the last scrape, 0 to 1.' },
      false,
      () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, last);
        last = now;
        return utilization;
      },
    ),
  ];
}
