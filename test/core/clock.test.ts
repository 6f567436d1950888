import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

const LONGEST_MS = 2 ** 31 - 1;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('systemClock', () => {
  it.each([
    [5, 5],
    [0, 0],
    [-5, 0],
    [LONGEST_MS, LONGEST_MS],
    [LONGEST_MS + 1, LONGEST_MS],
    [Number.POSITIVE_INFINITY, LONGEST_MS],
  ])('asks for a timer of %d ms as one of %d ms', (delayMs, askedMs) => {
    const started = vi.spyOn(globalThis, 'setTimeout');
    systemClock.after(delayMs, () => undefined).cancel();
    expect(started.mock.lastCall?.[1]).toBe(askedMs);
  });

  it('keeps the process alive for a timer: draining waits by them', () => {
    const started = vi.spyOn(globalThis, 'setTimeout');
    const timer = systemClock.after(60_000, () => undefined);
    expect(started.mock.results[0]?.value.hasRef()).toBe(true);
    timer.cancel();
  });

  it('runs a task once, later', async () => {
    let runs = 0;
    const ran = new Promise<void>((resolve) => {
      systemClock.after(0, () => {
        runs++;
        resolve();
      });
    });
    expect(runs).toBe(0);
    await ran;
    expect(runs).toBe(1);
  });

  it('does not run a task that was cancelled; cancelling again does nothing', async () => {
    const cancelled = vi.fn();
    const timer = systemClock.after(0, cancelled);
    timer.cancel();
    timer.cancel();
    await new Promise<void>((resolve) => systemClock.after(1, resolve));
    expect(cancelled).not.toHaveBeenCalled();
  });

  it('lets a timer be cancelled that has run', async () => {
    await new Promise<void>((resolve) => {
      const timer = systemClock.after(0, () => {
        timer.cancel();
        resolve();
      });
    });
  });

  it('gives time that does not go back, the date, and chance', () => {
    const before = systemClock.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(new Date(systemClock.wallMs()).getFullYear()).toBeGreaterThanOrEqual(2025);
    const chances = Array.from({ length: 100 }, () => systemClock.random());
    expect(chances.every((chance) => chance >= 0 && chance < 1)).toBe(true);
    expect(new Set(chances).size).toBeGreaterThan(1);
  });
});
