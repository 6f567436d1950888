import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StreamBridge } from '../../src/servers/stream-bridge.ts';

const bridge = () => {
  const state = { left: 0 };
  return Object.assign(new StreamBridge<number>(() => state.left++), { state });
};

/** Whether a promise is settled once all that can happen now has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await new Promise(setImmediate);
  return done;
}

async function fill(out: StreamBridge<number>, count = 16): Promise<void> {
  for (let i = 0; i < count; i++) out.write(i);
}

test('however writes and reads alternate, everything arrives once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 80 }), fc.boolean(), async (steps, fails) => {
      const out = bridge();
      const reads: Promise<IteratorResult<number, undefined>>[] = [];
      let written = 0;
      for (const write of steps) {
        if (write) out.write(written++);
        else if (reads.length === 0 || (await settled(reads.at(-1) as Promise<unknown>))) reads.push(out.next());
      }
      if (fails) out.fail(new Error('broken'));
      else out.end();
      const seen: number[] = [];
      let error: unknown;
      try {
        for (const read of reads) {
          const { value } = await read;
          if (value !== undefined) seen.push(value);
        }
        if (seen.length < written || (await reads.at(-1))?.done !== true)
          for await (const value of out) seen.push(value);
      } catch (thrown) {
        error = thrown;
      }
      expect(seen).toEqual(Array.from({ length: written }, (_, i) => i));
      expect(error).toEqual(fails ? new Error('broken') : undefined);
    }),
    { numRuns: 60 },
  );
});

describe('a reader that is slow', () => {
  test('makes write say false from the sixteenth message on', () => {
    const out = bridge();
    expect(Array.from({ length: 20 }, (_, i) => out.write(i))).toEqual([
      ...Array.from({ length: 15 }, () => true),
      ...Array.from({ length: 5 }, () => false),
    ]);
  });

  test('drained resolves when half is read, for everyone who waits', async () => {
    const out = bridge();
    await fill(out);
    const waiting = [out.drained(), out.drained()];
    for (let i = 0; i < 7; i++) await out.next();
    expect(await settled(Promise.all(waiting))).toBe(false);
    await out.next();
    expect(await settled(Promise.all(waiting))).toBe(true);
  });

  test('nothing to wait for: drained resolves at once', async () => {
    const out = bridge();
    out.write(1);
    expect(await settled(out.drained())).toBe(true);
  });
});

test('leaving drops what is queued, frees the writer, and says so once', async () => {
  const out = bridge();
  await fill(out);
  const waiting = out.drained();
  expect(await out.return()).toEqual({ done: true, value: undefined });
  await out.return();
  expect(out.state.left).toBe(1);
  expect(await settled(waiting)).toBe(true);
  expect(out.write(99)).toBe(true);
  expect(await out.next()).toEqual({ done: true, value: undefined });
});

test('leaving after the end is not early', async () => {
  const out = bridge();
  out.end();
  await out.return();
  expect(out.state.left).toBe(0);
});

test('what waits for a message gets the end, or the failure', async () => {
  const ended = bridge();
  const end = ended.next();
  ended.end();
  expect(await end).toEqual({ done: true, value: undefined });
  const failed = bridge();
  const failure = failed.next();
  failed.fail(new Error('broken'));
  failed.end();
  await expect(failure).rejects.toThrow('broken');
  expect(await failed.next()).toEqual({ done: true, value: undefined });
});
