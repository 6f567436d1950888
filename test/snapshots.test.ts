import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reloading, Snapshots } from '../src/snapshots.ts';
import { settle } from './support/calls.ts';

/** What is closed by hand. */
class Thing {
  readonly name: string;
  closes = 0;
  retires = 0;
  readonly closing = Promise.withResolvers<void>();

  constructor(name: string) {
    this.name = name;
  }

  retire(): void {
    this.retires++;
  }

  close(): Promise<void> {
    this.closes++;
    return this.closing.promise;
  }
}

function setUp() {
  const failures: unknown[] = [];
  const things = [new Thing('0')];
  const [first = new Thing('')] = things;
  const snapshots = new Snapshots(first, (error) => failures.push(error));
  const swap = () => {
    const next = new Thing(String(things.length));
    things.push(next);
    snapshots.swap(next);
    return next;
  };
  /** Begins a call that ends by hand. */
  const begin = () => {
    const end = Promise.withResolvers<string>();
    const over = snapshots.use(async ({ name }) => `${name} ${await end.promise}`);
    over.catch(() => undefined);
    return { end, over };
  };
  return { snapshots, first, things, failures, swap, begin };
}

describe('snapshots', () => {
  it('give calls the current one, and let them keep it', async () => {
    const { snapshots, first, swap, begin } = setUp();
    const before = begin();
    const next = swap();
    const after = begin();
    expect(snapshots.current).toBe(next);
    await settle();
    expect(first.closes).toBe(0);
    before.end.resolve('a');
    after.end.resolve('b');
    expect([await before.over, await after.over]).toEqual(['0 a', '1 b']);
    await settle();
    expect([first.closes, next.closes]).toEqual([1, 0]);
  });

  it('close one that nobody uses when it is replaced', async () => {
    const { first, swap } = setUp();
    swap();
    await settle();
    expect(first.closes).toBe(1);
  });

  it('count a call that fails', async () => {
    const { first, swap, begin } = setUp();
    const { end, over } = begin();
    swap();
    end.reject(new Error('failed'));
    await expect(over).rejects.toThrow('failed');
    await settle();
    expect(first.closes).toBe(1);
  });

  it('count a call that fails at once', async () => {
    const { snapshots, first, swap } = setUp();
    const over = snapshots.use(() => {
      throw new Error('failed');
    });
    swap();
    await expect(over).rejects.toThrow('failed');
    await settle();
    expect(first.closes).toBe(1);
  });

  it('tell of one that cannot be closed', async () => {
    const { snapshots, first, failures, swap } = setUp();
    swap();
    first.closing.reject(new Error('stuck'));
    await settle();
    expect(failures).toEqual([new Error('stuck')]);
    const thrown = new Error('at once');
    const bad = new Thing('bad');
    bad.close = () => {
      throw thrown;
    };
    snapshots.swap(bad);
    swap();
    await settle();
    expect(failures[1]).toBe(thrown);
  });

  it('close all at the end, with the calls they have, and wait for all', async () => {
    const { snapshots, first, swap, begin } = setUp();
    begin();
    const next = swap();
    let closed = false;
    const over = snapshots.close().then(() => {
      closed = true;
    });
    await settle();
    expect([first.closes, next.closes, closed]).toEqual([1, 1, false]);
    first.closing.resolve();
    await settle();
    expect(closed).toBe(false);
    next.closing.reject(new Error('stuck'));
    await over;
  });

  it('wait at the end for one that is being closed already', async () => {
    const { snapshots, first, swap } = setUp();
    const next = swap();
    await settle();
    let closed = false;
    void snapshots.close().then(() => {
      closed = true;
    });
    next.closing.resolve();
    await settle();
    expect(closed).toBe(false);
    first.closing.resolve();
    await settle();
    expect([closed, first.closes]).toEqual([true, 1]);
  });

  it('close what comes after the end', async () => {
    const { snapshots, first, swap } = setUp();
    first.closing.resolve();
    await snapshots.close();
    const next = swap();
    await settle();
    expect(next.closes).toBe(1);
  });

  it('keep the laws whatever happens: one for a call, closed once and only when left, and an end that ends', async () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom('begin', 'swap', 'end', 'fail', 'turn', 'close'), fc.nat({ max: 9 })),
      { maxLength: 40 },
    );
    const property = fc.asyncProperty(steps, async (all) => {
      const { snapshots, things, swap, begin } = setUp();
      const calls: (ReturnType<typeof begin> & { name: string; isOpen: boolean })[] = [];
      let isClosed = false;
      const check = () => {
        for (const thing of things) {
          const isUsed = calls.some(({ name, isOpen }) => isOpen && name === thing.name);
          const mayBeClosed = isClosed || (thing !== snapshots.current && !isUsed);
          expect(thing.closes).toBe(mayBeClosed ? 1 : 0);
          expect(thing.retires).toBe(thing === snapshots.current ? 0 : 1);
        }
      };
      for (const [step, i] of all) {
        const call = calls[i];
        if (step === 'begin') calls.push({ ...begin(), name: snapshots.current.name, isOpen: true });
        else if (step === 'swap') swap();
        else if (step === 'close') {
          isClosed = true;
          void snapshots.close();
        } else if (call && step !== 'turn') {
          if (step === 'end') call.end.resolve('done');
          else call.end.reject(new Error('failed'));
          call.isOpen = false;
        }
        if (step !== 'turn') continue;
        await settle();
        check();
      }
      for (const thing of things) thing.closing.resolve();
      for (const { end } of calls) end.resolve('late');
      const results = await Promise.allSettled(calls.map(({ over }) => over));
      for (const [i, result] of results.entries())
        if (result.status === 'fulfilled') expect(result.value.split(' ')[0]).toBe(calls[i]?.name);
      await snapshots.close();
      expect(things.map(({ closes }) => closes)).toEqual(things.map(() => 1));
    });
    await fc.assert(property);
  });
});

describe('reloading', () => {
  /** Configurations are numbers; each is applied by hand. */
  function setUpReload(load: () => number = () => 0) {
    const log: string[] = [];
    const applied: PromiseWithResolvers<void>[] = [];
    let loads = 0;
    const reload = reloading({
      load: () => {
        loads++;
        return load();
      },
      apply: (config) => {
        log.push(`apply ${config}`);
        const one = Promise.withResolvers<void>();
        applied.push(one);
        return one.promise;
      },
      reloaded: (config) => log.push(`reloaded ${config}`),
      refused: (error) => log.push(`refused: ${(error as Error).message}`),
    });
    return { reload, log, applied, loads: () => loads };
  }

  it('reads, applies and tells, in this order, at once', async () => {
    const { reload, log, applied } = setUpReload(() => 7);
    const over = reload();
    expect(log).toEqual(['apply 7']);
    applied[0]?.resolve();
    await over;
    expect(log).toEqual(['apply 7', 'reloaded 7']);
  });

  it('keeps what was, loudly, if a configuration cannot be read, and goes on', async () => {
    let broken = true;
    const { reload, log, applied } = setUpReload(() => {
      if (broken) throw new Error('two problems');
      return 1;
    });
    await reload();
    broken = false;
    const over = reload();
    applied[0]?.resolve();
    await over;
    expect(log).toEqual(['refused: two problems', 'apply 1', 'reloaded 1']);
  });

  it('tells of a configuration that cannot be applied', async () => {
    const { reload, log, applied } = setUpReload();
    const over = reload();
    applied[0]?.reject(new Error('no port'));
    await over;
    expect(log).toEqual(['apply 0', 'refused: no port']);
  });

  it('makes one more after the one that runs, however often it is asked', async () => {
    let version = 0;
    const { reload, log, applied, loads } = setUpReload(() => version);
    const first = reload();
    version = 1;
    const others = [reload(), reload()];
    version = 2;
    others.push(reload());
    expect(new Set(others).size).toBe(1);
    applied[0]?.resolve();
    await first;
    await settle();
    applied[1]?.resolve();
    await Promise.all(others);
    await settle();
    expect(log).toEqual(['apply 0', 'reloaded 0', 'apply 2', 'reloaded 2']);
    expect(loads()).toBe(2);
    void reload();
    expect(loads()).toBe(3);
  });

  it('may be asked for by what it tells', async () => {
    let again = 1;
    const log: number[] = [];
    const reload: () => Promise<void> = reloading({
      load: () => log.push(again),
      apply: () => undefined,
      reloaded: () => {
        if (again-- > 0) void reload();
      },
      refused: () => undefined,
    });
    await reload();
    await settle();
    expect(log).toEqual([1, 0]);
  });

  it('never runs twice at once, and ends with what was last asked for', async () => {
    const steps = fc.array(fc.constantFrom('ask', 'change', 'apply', 'turn'), { maxLength: 40 });
    const property = fc.asyncProperty(steps, async (all) => {
      let version = 0;
      let asked = -1;
      let [running, effective] = [0, -1];
      const waiting: PromiseWithResolvers<void>[] = [];
      const reload = reloading({
        load: () => version,
        apply: async (config) => {
          expect(++running).toBe(1);
          const end = Promise.withResolvers<void>();
          waiting.push(end);
          await end.promise;
          running--;
          effective = config;
        },
        reloaded: () => undefined,
        refused: (error) => expect.fail(String(error)),
      });
      let last: Promise<void> = Promise.resolve();
      for (const step of all) {
        if (step === 'ask') last = reload();
        if (step === 'ask') asked = version;
        if (step === 'change') version++;
        if (step === 'apply') waiting.shift()?.resolve();
        if (step === 'turn') await settle();
      }
      let over = false;
      void last.then(() => {
        over = true;
      });
      for (let i = 0; i < 5 && !over; i++) {
        waiting.shift()?.resolve();
        await settle();
      }
      expect([over, effective >= asked]).toEqual([true, true]);
    });
    await fc.assert(property);
  });
});
