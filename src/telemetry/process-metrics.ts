import { performance } from 'node:perf_hooks';
import { type Family, observed } from './instruments.ts';

const MICROSECONDS = 1e6;

/** How short the process is of time and memory. */
export interface Strain {
  /** By how much the event loop is late, lastingly, in milliseconds. */
  readonly delayMs: number;
  /** The share of the memory that is in use, from 0 to 1. */
  readonly memoryShare: number;
}

/** What the process itself uses, under the names that Prometheus clients give it. Costs nothing between scrapes. */
export function processMetrics(startedSeconds: number, strain: () => Strain): readonly Family[] {
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
    observed(
      { name: 'llm_event_loop_delay_seconds', help: 'By how much all work is late, lastingly.', unit: 'seconds' },
      false,
      () => strain().delayMs / 1000,
    ),
    observed(
      { name: 'llm_memory_used_ratio', help: 'The share of the memory that is in use, 0 to 1.' },
      false,
      () => strain().memoryShare,
    ),
  ];
}
