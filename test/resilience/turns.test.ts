import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Priority, priorities } from '../../src/core/policy.ts';
import { type ConcurrencySettings, defaultConcurrency } from '../../src/resilience/settings.ts';
import { FairQueue } from '../../src/resilience/turns/fair-queue.ts';
import { RoundRobin } from '../../src/resilience/turns/round-robin.ts';
import { type Claim, type Release, Turns } from '../../src/resilience/turns.ts';
import { settle } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;
const claim = (overrides: Partial<Claim> = {}): Claim => ({
  priority: 'normal',
  flow: 'a',
  signal: never,
  untilMs: Number.POSITIVE_INFINITY,
  ...overrides,
});

/** Turns that are all taken, and what became of the calls that wait, by name. */
function busy(overrides: Partial<ConcurrencySettings> = {}) {
  const clock = fakeClock();
  const settings = { max: 1, maxQueued: 10, maxWaitMs: 1_000, ...overrides };
  const turns = new Turns(settings, clock);
  const taken: Release[] = [];
  for (let release = turns.tryTake(); release; release = turns.tryTake()) taken.push(release);
  const ends: string[] = [];
  const wait = (name: string, of: Partial<Claim> = {}) =>
    turns.wait(claim(of)).then(
      (release) => {
        ends.push(name);
        taken.push(release);
      },
      (reason) => ends.push(`${name}: ${reason.refused ?? reason}`),
    );
  /** Gives the oldest turn back. */
  const release = async () => {
    taken.shift()?.();
    await settle();
  };
  /** Gives back turns until nobody has one, and tells how everyone ended. */
  const drain = async () => {
    while (taken.length > 0) await release();
    expect([turns.active, turns.queued, clock.pending]).toEqual([0, 0, 0]);
    return ends;
  };
  return { clock, settings, turns, taken, ends, wait, release, drain };
}

describe('a free turn', () => {
  it('is taken at once, as long as there is one', () => {
    const turns = new Turns({ ...defaultConcurrency, max: 2 }, fakeClock());
    const [first, second, third] = [turns.tryTake(), turns.tryTake(), turns.tryTake()];
    expect([first, second, third]).toEqual([expect.any(Function), expect.any(Function), undefined]);
    expect(turns.active).toBe(2);
    first?.();
    expect([turns.active, turns.tryTake()]).toEqual([1, expect.any(Function)]);
  });

  it('is given back once, however often that is said', () => {
    const turns = new Turns({ ...defaultConcurrency, max: 2 }, fakeClock());
    const [first] = [turns.tryTake(), turns.tryTake()];
    first?.();
    first?.();
    expect(turns.active).toBe(1);
  });

  it('is given to one who would wait', async () => {
    const clock = fakeClock();
    const turns = new Turns(defaultConcurrency, clock);
    expect(await turns.wait(claim())).toEqual(expect.any(Function));
    expect([turns.active, turns.queued, clock.pending]).toEqual([1, 0, 0]);
  });
});

describe('a turn that is given back', () => {
  it('goes to the next who waits in the same moment, so that nobody can come between', async () => {
    const { turns, taken, wait, drain } = busy();
    wait('first');
    expect(turns.queued).toBe(1);
    taken.shift()?.();
    expect([turns.active, turns.queued, turns.tryTake()]).toEqual([1, 0, undefined]);
    await settle();
    expect(await drain()).toEqual(['first']);
  });

  it.each<[string, (readonly [string, Partial<Claim>])[], string]>([
    [
      'in order',
      [
        ['1', {}],
        ['2', {}],
        ['3', {}],
      ],
      '1 2 3',
    ],
    [
      'by turns to flows, whoever asked more often',
      [
        ['a1', {}],
        ['a2', {}],
        ['a3', {}],
        ['b1', { flow: 'b' }],
        ['c1', { flow: 'c' }],
        ['b2', { flow: 'b' }],
      ],
      'a1 b1 c1 a2 b2 a3',
    ],
    [
      'to higher priorities first',
      [
        ['l', { priority: 'low' }],
        ['n', {}],
        ['h1', { priority: 'high' }],
        ['h2', { priority: 'high' }],
      ],
      'h1 h2 n l',
    ],
  ])('goes %s', async (_, waiters, order) => {
    const { wait, drain } = busy();
    for (const [name, of] of waiters) wait(name, of);
    expect((await drain()).join(' ')).toBe(order);
  });

  it('goes to each priority in the shares 16, 4 and 1 while all wait', async () => {
    const { wait, ends, release } = busy({ maxQueued: 1_000 });
    for (const priority of priorities) for (let i = 0; i < 100; i++) wait(priority, { priority });
    for (let i = 0; i < 63; i++) await release();
    const had = (priority: Priority) => ends.filter((name) => name === priority).length;
    expect([had('high'), had('normal'), had('low')]).toEqual([48, 12, 3]);
    expect(ends.slice(0, 5)).toEqual(['high', 'high', 'high', 'high', 'normal']);
  });

  it('is not kept for a flow that came back: it goes behind those that wait', async () => {
    const { wait, release, drain } = busy();
    for (const flow of ['a', 'b', 'c']) wait(flow, { flow });
    await release();
    wait('a again', { flow: 'a' });
    expect(await drain()).toEqual(['a', 'b', 'c', 'a again']);
  });
});

describe('a full queue', () => {
  it('refuses, with a time to try again after and what to do', async () => {
    const { turns, wait, drain } = busy({ maxQueued: 3 });
    for (const name of ['1', '2', '3']) wait(name);
    const refused = await turns.wait(claim()).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      kind: 'queue_full',
      refused: 'full',
      message: expect.stringMatching(/try again|another model/i),
      facts: { retryAfterMs: 1_000 },
    });
    expect(await drain()).toEqual(['1', '2', '3']);
  });

  it.each<[Priority, Priority[], string]>([
    ['high', ['normal', 'low', 'low'], '2: full'],
    ['high', ['normal', 'normal', 'high'], '1: full'],
    ['normal', ['low', 'high', 'high'], '0: full'],
    ['high', ['high', 'high', 'high'], 'new: full'],
    ['normal', ['normal', 'high', 'high'], 'new: full'],
    ['low', ['low', 'low', 'low'], 'new: full'],
  ])('lets a %s call displace the youngest of the lowest priority among %j', async (priority, waiting, refused) => {
    const { wait, ends, drain } = busy({ maxQueued: 3 });
    for (const [i, of] of waiting.entries()) wait(String(i), { priority: of, flow: `flow ${i}` });
    wait('new', { priority });
    await settle();
    expect(ends).toEqual([refused]);
    await drain();
  });

  it.each<[string, string, string]>([
    ['a flow of which fewer wait', 'b', 'a3: full'],
    ['a flow of which none waits', 'c', 'a3: full'],
    ['the very flow', 'a', 'new: full'],
  ])('lets %s displace the youngest of the one of which most wait', async (_, flow, refused) => {
    const { wait, ends, drain } = busy({ maxQueued: 5 });
    for (const name of ['a1', 'a2', 'b1', 'a3']) wait(name, { flow: name.slice(0, 1) });
    wait('other', { priority: 'high' });
    wait('new', { flow });
    await settle();
    expect(ends).toEqual([refused]);
    await drain();
  });

  it('lets no flow displace another that would have fewer than it then', async () => {
    const { wait, ends, drain } = busy({ maxQueued: 3 });
    for (const name of ['a1', 'a2', 'b1']) wait(name, { flow: name.slice(0, 1) });
    wait('new', { flow: 'b' });
    await settle();
    expect(ends).toEqual(['new: full']);
    await drain();
  });

  it('is open to one that asks for its share, however often another asks', async () => {
    const { turns, clock, drain } = busy({ max: 10, maxQueued: 100, maxWaitMs: 1e6 });
    await drain();
    const had = { flood: 0, steady: 0 };
    const ask = (flow: 'flood' | 'steady') =>
      turns.wait(claim({ flow })).then(
        (release) => {
          had[flow]++;
          clock.after(100, release);
        },
        () => undefined,
      );
    for (let ms = 0; ms < 20_000; ms++) {
      if (ms % 40 === 0) ask('steady');
      ask('flood');
      clock.advance(1);
      await null;
    }
    while (clock.pending > 0) {
      clock.advance(100);
      await settle();
    }
    expect(had.steady).toBe(500);
    expect(had.flood).toBeGreaterThan(1_400);
  });

  it('may have no room at all', async () => {
    const { wait, drain } = busy({ maxQueued: 0 });
    await wait('one');
    expect(await drain()).toEqual(['one: full']);
  });
});

describe('a call that waits', () => {
  it('leaves the queue when it is aborted, with the reason', async () => {
    const { wait, turns, clock, drain } = busy();
    const abort = new AbortController();
    wait('gone', { signal: abort.signal });
    wait('stays');
    abort.abort('left');
    expect([turns.queued, clock.pending]).toEqual([1, 1]);
    expect(await drain()).toEqual(['gone: left', 'stays']);
  });

  it('does not begin to wait when it is aborted before, and takes no turn either', async () => {
    const { wait, drain } = busy();
    await wait('gone', { signal: AbortSignal.abort('left') });
    expect(await drain()).toEqual(['gone: left']);
    const free = new Turns(defaultConcurrency, fakeClock());
    await expect(free.wait(claim({ signal: AbortSignal.abort('left') }))).rejects.toBe('left');
    expect(free.active).toBe(0);
  });

  it('keeps its turn when it is aborted afterwards: that is for the call to give back', async () => {
    const { wait, release, turns, drain } = busy();
    const abort = new AbortController();
    wait('one', { signal: abort.signal });
    await release();
    abort.abort('left');
    expect(turns.active).toBe(1);
    expect(await drain()).toEqual(['one']);
  });

  it.each<[string, number, Partial<Claim>, string]>([
    ['as long as any may', 1_000, {}, 'too_long'],
    ['until a turn is of no use', 300, { untilMs: 1_300 }, 'too_late'],
  ])('waits %s, and no longer', async (_, ms, of, cause) => {
    const { wait, clock, ends, drain } = busy();
    wait('one', of);
    clock.advance(ms - 1);
    await settle();
    expect(ends).toEqual([]);
    clock.advance(1);
    await settle();
    expect(ends).toEqual([`one: ${cause}`]);
    expect(clock.pending).toBe(0);
    await drain();
  });

  it('is refused at once when no time is left', async () => {
    const { wait, ends, drain } = busy();
    await wait('one', { untilMs: 1_000 });
    expect(ends).toEqual(['one: too_late']);
    await drain();
  });
});

describe('a call that would not get its turn in time', () => {
  /** Turns that are held for 100 ms each, two at a time, with three that wait. */
  async function measured(overrides: Partial<ConcurrencySettings> = {}) {
    const scene = busy({ max: 2, ...overrides });
    for (const name of ['1', '2', '3', '4']) scene.wait(name);
    for (let i = 0; i < 2; i++) {
      scene.clock.advance(i === 0 ? 100 : 0);
      await scene.release();
    }
    scene.wait('5');
    return scene;
  }

  it.each([
    [200, 'too_late'],
    [201, undefined],
  ])('is refused at once: with %i ms left at the fourth place, %s', async (leftMs, cause) => {
    const { wait, clock, ends, turns, drain } = await measured();
    wait('new', { untilMs: clock.now() + leftMs });
    await settle();
    expect(ends.slice(2)).toEqual(cause ? [`new: ${cause}`] : []);
    expect(turns.queued).toBe(cause ? 3 : 4);
    await drain();
  });

  it('is judged by its own place: that of another flow, and of a higher priority, is before', async () => {
    const { wait, clock, ends, turns, drain } = await measured();
    const untilMs = clock.now() + 101;
    wait('other', { flow: 'b', untilMs });
    wait('high', { priority: 'high', untilMs });
    await settle();
    expect([ends.slice(2), turns.queued]).toEqual([[], 5]);
    await drain();
  });

  it('is refused at once also when it would wait longer than any may', async () => {
    const { wait, ends, drain } = await measured({ maxWaitMs: 200 });
    await wait('new');
    expect(ends.slice(2)).toEqual(['new: too_long']);
    await drain();
  });

  it('is judged by the turns that ended last', async () => {
    const { turns, clock, wait, ends, drain } = busy({ max: 2 });
    for (let i = 0; i < 1_000; i++) {
      turns.resize({ max: 3, maxQueued: 10, maxWaitMs: 1_000 });
      const release = turns.tryTake();
      clock.advance(i < 500 ? 100 : 10);
      release?.();
    }
    turns.resize({ max: 2, maxQueued: 10, maxWaitMs: 1_000 });
    wait('late', { untilMs: clock.now() + 5 });
    wait('new', { untilMs: clock.now() + 6 });
    await settle();
    expect(ends).toEqual(['late: too_late']);
    await drain();
  });

  it.each([
    [100, 1_000],
    [10_000, 20_000],
    [100_000, 60_000],
  ])('is told when to try again: turns take %i ms, so after %i ms', async (heldMs, retryAfterMs) => {
    const { turns, clock, wait, release, drain } = busy({ maxQueued: 1, maxWaitMs: 1_000_000 });
    wait('holds');
    clock.advance(heldMs);
    await release();
    wait('waits');
    await expect(turns.wait(claim())).rejects.toMatchObject({ facts: { retryAfterMs } });
    await drain();
  });
});

describe('other bounds', () => {
  it('let those go on that have a turn, and let nobody in until there is room', async () => {
    const { turns, settings, wait, release, ends, drain } = busy({ max: 3 });
    turns.resize({ ...settings, max: 1 });
    wait('one');
    expect(turns.active).toBe(3);
    await release();
    await release();
    expect([turns.active, ends]).toEqual([1, []]);
    await release();
    expect([turns.active, ends]).toEqual([1, ['one']]);
    await drain();
  });

  it('wake as many as there is room for', async () => {
    const { turns, settings, wait, ends, drain } = busy();
    for (const name of ['1', '2', '3']) wait(name);
    turns.resize({ ...settings, max: 3 });
    expect([turns.active, turns.queued]).toEqual([3, 1]);
    await settle();
    expect(ends).toEqual(['1', '2']);
    await drain();
  });

  it('count what has to end first when they are lower', async () => {
    const { turns, settings, clock, wait, ends, drain } = busy({ max: 4 });
    clock.advance(100);
    turns.resize({ ...settings, max: 5 });
    const release = turns.tryTake();
    clock.advance(100);
    release?.();
    turns.resize({ ...settings, max: 1 });
    wait('late', { untilMs: clock.now() + 175 });
    wait('new', { untilMs: clock.now() + 176 });
    await settle();
    expect(ends).toEqual(['late: too_late']);
    await drain();
  });
});

describe('a queue in which nobody waits', () => {
  it('has nobody to give a turn to, and nobody who could do without', () => {
    const queue = new RoundRobin<string>();
    expect([queue.next(), queue.last, queue.size, queue.longest]).toEqual([undefined, undefined, 0, 0]);
    expect(new FairQueue<string>().displace('high', 'a')).toBeUndefined();
  });
});

describe('the number of those that go before', () => {
  const waiting = fc.array(fc.tuple(fc.constantFrom(...priorities), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 });

  /** By serving all of them. */
  function exactly(those: readonly (readonly [Priority, string])[], priority: Priority, flow: string): number {
    const queue = new FairQueue<string>();
    for (const [of, from] of those) queue.add('other', of, from);
    queue.add('new', priority, flow);
    let before = 0;
    while (queue.next() === 'other') before++;
    return before;
  }

  it('is never guessed too low by more than a turn of each other priority, nor above all that wait', () => {
    fc.assert(
      fc.property(waiting, fc.constantFrom(...priorities), fc.constantFrom('a', 'b', 'c', 'd'), (those, of, flow) => {
        const queue = new FairQueue<string>();
        for (const [priority, from] of those) queue.add('other', priority, from);
        const guess = queue.ahead(of, flow);
        expect(guess).toBeGreaterThanOrEqual(exactly(those, of, flow) - 2);
        expect(guess).toBeLessThanOrEqual(those.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is exact among flows of which each has as many', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.constantFrom('a', 'b', 'c', 'd'), (each, flow) => {
        const those = Array.from({ length: each }, () => ['a', 'b', 'c'].map((name) => ['low', name] as const)).flat();
        const queue = new FairQueue<string>();
        for (const [priority, from] of those) queue.add('other', priority, from);
        expect(queue.ahead('low', flow)).toBe(exactly(those, 'low', flow));
      }),
    );
  });
});
