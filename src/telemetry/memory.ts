import { totalmem } from 'node:os';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

/** What is known of the memory of the process, in bytes. */
export interface MemoryUse {
  /** Of the heap without the young generation, garbage included. */
  readonly oldUsed: number;
  /** The present size of one semi-space of the young generation. */
  readonly semiSpace: number;
  /** The most that the heap may have, the young generation included. */
  readonly heapLimit: number;
  readonly resident: number;
  /** The most that the process may have resident: that of its container, or of the machine. */
  readonly residentLimit: number;
}

/**
 * So many semi-spaces of the full size V8 counts into the limit of the heap. Source:
 * https://nodejs.org/api/cli.html#--max-semi-space-sizesize-in-mib (2026-11-21); seen so in Node 20 and 26.
 */
const COUNTED_SEMI_SPACES = 3;

/** Kept for what comes between two looks, and for the collection of garbage itself. It matters for small heaps only. */
const RESERVED_BYTES = 16 * 1024 * 1024;

/**
 * Makes a function that gives the share of the memory in use, from 0 to about 1: that of the heap or that of the whole
 * process, whichever is larger.
 *
 * Of the heap only the old generation counts, since that is what runs out: with --max-old-space-size=128, Node 26 names
 * a limit of 224 MiB, and dies at 128. The rest is for the young generation at its full size, which V8 does not tell:
 * the largest size seen stands for it, and is reached under load long before the old generation is full.
 *
 * Garbage counts as used. It may, for V8 collects before the old generation has grown halfway from what was alive to
 * its limit (BoundAllocationLimit in V8): where 90 % are used, at least about 80 % are alive.
 *
 * Buffers are not in the heap and not bounded with it: they count in the whole process.
 */
export function memoryShare(read: () => MemoryUse = memoryUse): () => number {
  let largest = 0;
  return () => {
    const { oldUsed, semiSpace, heapLimit, resident, residentLimit } = read();
    largest = Math.max(largest, semiSpace);
    return Math.max(oldUsed / (heapLimit - COUNTED_SEMI_SPACES * largest - RESERVED_BYTES), resident / residentLimit);
  };
}

/** What the process uses now. */
export function memoryUse(): MemoryUse {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  const young = getHeapSpaceStatistics().filter(({ space_name }) => space_name.startsWith('new_'));
  const semiSpaces = young.filter(({ space_name }) => space_name === 'new_space');
  // That of the container is 0 where there is none or it is not known; it may also be beyond all memory.
  const limits = [process.constrainedMemory(), totalmem()].filter((bytes) => bytes > 0);
  return {
    oldUsed: used_heap_size - young.reduce((sum, { space_used_size }) => sum + space_used_size, 0),
    semiSpace: semiSpaces.reduce((sum, one) => sum + one.space_used_size + one.space_available_size, 0),
    heapLimit: heap_size_limit,
    resident: process.memoryUsage.rss(),
    residentLimit: Math.min(...limits),
  };
}
