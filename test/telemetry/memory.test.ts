import { describe, expect, it } from 'vitest';
import { type MemoryUse, memoryShare, memoryUse } from '../../src/telemetry/memory.ts';

const MIB = 2 ** 20;

/** Figures of Node 26 with --max-old-space-size=128. */
const small = inBytes({ oldUsed: 56, semiSpace: 32, heapLimit: 224, resident: 200, residentLimit: 24_000 });

function inBytes<Some extends Partial<MemoryUse>>(mebibytes: Some): Some {
  return Object.fromEntries(Object.entries(mebibytes).map(([name, value]) => [name, value * MIB])) as Some;
}

describe('the share of memory', () => {
  it.each<[string, Partial<MemoryUse>, number]>([
    ['that of the old generation, whose limit is 128, of which 16 are kept', {}, 0.5],
    ['nearly all when that is nearly full', { oldUsed: 110 }, 0.982],
    ['that of the container, if that is the larger one', { residentLimit: 250 }, 0.8],
    ['what buffers take too, although they are not in the heap', { resident: 23_000 }, 0.958],
  ])('is %s', (_, use, share) => {
    expect(memoryShare(() => ({ ...small, ...inBytes(use) }))()).toBeCloseTo(share, 3);
  });

  it('takes the young generation for as large as it ever was', () => {
    const sizes = [8, 32, 2];
    const share = memoryShare(() => ({ ...small, semiSpace: (sizes.shift() ?? 0) * MIB }));
    expect([share(), share(), share()].map((one) => one.toFixed(2))).toEqual(['0.30', '0.50', '0.50']);
  });
});

describe('the memory of this process', () => {
  it('is within its bounds', () => {
    const { oldUsed, semiSpace, heapLimit, resident, residentLimit } = memoryUse();
    expect(oldUsed).toBeGreaterThan(MIB);
    expect(oldUsed + semiSpace).toBeLessThan(heapLimit);
    expect(resident).toBeGreaterThan(oldUsed);
    expect(resident).toBeLessThan(residentLimit);
    expect(Number.isSafeInteger(residentLimit)).toBe(true);
  });

  it('gives a share', () => {
    expect(memoryShare()()).toBeGreaterThan(0);
    expect(memoryShare()()).toBeLessThan(1);
  });

  it('holds what is kept', () => {
    const before = memoryUse();
    const kept = Array.from({ length: 200_000 }, (_, i) => ({ i, next: [i] }));
    const after = memoryUse();
    expect(after.oldUsed).toBeGreaterThan(before.oldUsed);
    expect(kept).toHaveLength(200_000);
  });
});
