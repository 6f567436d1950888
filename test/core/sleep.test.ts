import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/core/sleep.ts';
import { settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

function start(ms: number, controller = new AbortController()) {
  const clock = fakeClock();
  let outcome = 'asleep';
  sleep(ms, clock, controller.signal).then(
    () => {
      outcome = 'awake';
    },
    (reason) => {
      outcome = `rejected: ${reason}`;
    },
  );
  const wait = async (passedMs: number) => {
    clock.advance(passedMs);
    await settle();
    return outcome;
  };
  return { clock, controller, wait, listeners: () => getEventListeners(controller.signal, 'abort').length };
}

describe('sleep', () => {
  it('waits as long as it is told', async () => {
    const { wait } = start(100);
    expect(await wait(99)).toBe('asleep');
    expect(await wait(1)).toBe('awake');
  });

  it.each([0, -1])('does not wait %i ms', async (ms) => {
    const { clock, wait } = start(ms);
    expect(clock.pending).toBe(0);
    expect(await wait(0)).toBe('awake');
  });

  it('rejects with the reason when it is aborted, and leaves no timer', async () => {
    const { clock, controller, wait, listeners } = start(100);
    controller.abort('gone');
    expect(await wait(0)).toBe('rejected: gone');
    expect({ pending: clock.pending, listeners: listeners() }).toEqual({ pending: 0, listeners: 0 });
  });

  it.each([0, 100])('rejects at once if it was aborted before (%i ms)', async (ms) => {
    const controller = new AbortController();
    controller.abort('gone');
    const { clock, wait } = start(ms, controller);
    expect(await wait(0)).toBe('rejected: gone');
    expect(clock.pending).toBe(0);
  });

  it('leaves no listener when it wakes', async () => {
    const { wait, listeners } = start(100);
    expect(listeners()).toBe(1);
    await wait(100);
    expect(listeners()).toBe(0);
  });
});
