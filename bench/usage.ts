import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts a process's time in these, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Milliseconds of CPU that a process has used, in user and kernel mode, all threads. NaN where /proc is missing. */
export function cpuMs(pid: number): number {
  const stat = readProc(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [fields[11], fields[12]];
  return ((Number(userTicks ?? Number.NaN) + Number(systemTicks ?? Number.NaN)) / TICKS_PER_SECOND) * 1000;
}

/** Megabytes (of a million bytes) that a process has in memory. NaN where /proc is missing. */
export function rssMb(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status'))?.[1];
  return (Number(kibibytes ?? Number.NaN) * 1024) / 1e6;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Milliseconds of CPU that the whole machine has used, all cores. */
export const machineCpuMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice + times.irq, 0);
