import { cpus, totalmem } from 'node:os';
import { machineMs } from './machine-time.ts';
import { cpuMs, machineCpuMs } from './usage.ts';

/** What must be known to read the figures. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly platform: string;
  /** The share of all cores that processes other than the bench's used meanwhile. NaN where /proc is missing. */
  readonly othersShare: number;
}

/** Begins to watch what others do on the machine; `end` tells. `pids` are those of the bench. */
export function machineFacts(pids: readonly number[]): { end(): MachineFacts } {
  const ours = () => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const cores = cpus();
  const startMs = machineMs();
  const before = machineCpuMs() - ours();
  return {
    end: () => ({
      cpu: cores[0]?.model.trim() ?? 'unknown',
      cores: cores.length,
      memoryGb: Math.round(totalmem() / 1e9),
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      othersShare: Math.max(0, (machineCpuMs() - ours() - before) / ((machineMs() - startMs) * cores.length)),
    }),
  };
}
