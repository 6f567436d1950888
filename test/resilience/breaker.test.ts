import { describe, expect, it } from 'vitest';
import type { ErrorKind } from '../../src/core/errors.ts';
import { Breaker, type BreakerState, type Pass } from '../../src/resilience/breaker.ts';
import { type BreakerSettings, defaultBreaker } from '../../src/resilience/settings.ts';
import { fakeClock } from '../support/fake-clock.ts';

const settings: BreakerSettings = {
  enabled: true,
  consecutiveFailures: 3,
  failureRate: 0.5,
  minCalls: 6,
  windowMs: 10_000,
  openMs: 1_000,
  maxOpenMs: 4_000,
  probes: 2,
};

const news: [BreakerState, ErrorKind | undefined][] = [];

function setUp(overrides: Partial<BreakerSettings> = {}) {
  news.length = 0;
  const clock = fakeClock();
  const breaker = new Breaker({ ...settings, ...overrides }, clock, (...change) => news.push(change));
  const enter = (isLast = false): Pass => {
    const pass = breaker.enter(isLast);
    if (!pass) throw new Error('refused');
    return pass;
  };
  const fail = (times = 1, kind: ErrorKind = 'upstream_error') => {
    for (let i = 0; i < times; i++) enter().failed(kind);
  };
  const succeed = (times = 1) => {
    for (let i = 0; i < times; i++) enter().succeeded();
  };
  return { clock, breaker, enter, fail, succeed };
}

describe('a closed breaker', () => {
  it('opens after so many failures in a row, and tells the last of them', () => {
    const { breaker, fail } = setUp();
    fail(2);
    expect(breaker.state).toBe('closed');
    fail(1, 'upstream_timeout');
    expect([breaker.state, news]).toEqual(['open', [['open', 'upstream_timeout']]]);
  });

  it('does not if a success lies between', () => {
    const { breaker, fail, succeed } = setUp({ minCalls: 100 });
    for (let i = 0; i < 20; i++) {
      fail(2);
      succeed();
    }
    expect(breaker.state).toBe('closed');
  });

  it('opens when the share of failures is reached, once there were enough calls', () => {
    const { breaker, fail, succeed } = setUp();
    for (let i = 0; i < 2; i++) {
      succeed();
      fail();
    }
    succeed();
    expect(breaker.state).toBe('closed');
    fail();
    expect(breaker.state).toBe('open');
  });

  it('forgets failures that are older than the window', () => {
    const { breaker, clock, fail, succeed } = setUp();
    for (let i = 0; i < 3; i++) {
      succeed();
      if (i < 2) fail();
    }
    clock.advance(10_000);
    fail();
    expect(breaker.state).toBe('closed');
  });

  it('takes a call that says nothing as if it had not been', () => {
    const { breaker, enter, fail } = setUp();
    fail(2);
    for (let i = 0; i < 10; i++) enter().left();
    fail();
    expect(breaker.state).toBe('open');
  });

  it('counts a stream that broke off as one call, which failed', () => {
    const { breaker, enter } = setUp();
    const streams = [1, 2, 3, 4, 5, 6].map(() => enter());
    for (const stream of streams) stream.succeeded();
    for (const stream of streams.slice(0, 2)) stream.failed('upstream_reset');
    expect(breaker.state).toBe('closed');
    streams[2]?.failed('upstream_reset');
    expect(breaker.state).toBe('open');
  });

  it('never opens when it is switched off', () => {
    const { breaker, fail } = setUp({ enabled: false });
    fail(1_000);
    expect([breaker.state, breaker.admits, breaker.retryInMs, news]).toEqual(['closed', true, 0, []]);
  });
});

describe('an open breaker', () => {
  it('lets nothing through but one call at a time that has nowhere else to go', () => {
    const { breaker, enter, fail } = setUp();
    fail(3);
    expect(breaker.enter(false)).toBeUndefined();
    const only = enter(true);
    expect([breaker.enter(true), breaker.enter(false)]).toEqual([undefined, undefined]);
    only.left();
    enter(true).failed('upstream_error');
    expect(breaker.state).toBe('open');
    expect(enter(true)).toBeDefined();
  });

  it('is half open when such a call succeeds, which counts as a success', () => {
    const { breaker, enter, fail, succeed } = setUp();
    fail(3);
    enter(true).succeeded();
    expect(breaker.state).toBe('half_open');
    succeed();
    expect([breaker.state, news.map(([state]) => state)]).toEqual(['closed', ['open', 'half_open', 'closed']]);
  });

  it('tells when a call may go through again', () => {
    const { breaker, clock, fail } = setUp();
    fail(3);
    expect([breaker.admits, breaker.retryInMs]).toEqual([false, 1_000]);
    clock.advance(999);
    expect([breaker.state, breaker.admits, breaker.retryInMs]).toEqual(['open', false, 1]);
    clock.advance(1);
    expect([breaker.state, breaker.admits, breaker.retryInMs]).toEqual(['half_open', true, 0]);
  });

  it('stays open a little shorter by chance, so that replicas do not probe together', () => {
    const { breaker, clock, fail } = setUp();
    clock.chances = [0.5];
    fail(3);
    expect(breaker.retryInMs).toBe(950);
  });

  it('stays open twice as long each time in a row, up to a bound', () => {
    const { breaker, clock, fail } = setUp();
    fail(3);
    const times = [1, 2, 3, 4, 5].map(() => {
      const ms = breaker.retryInMs;
      clock.advance(ms);
      fail();
      return ms;
    });
    expect(times).toEqual([1_000, 2_000, 4_000, 4_000, 4_000]);
  });

  it('falls back to the first time only after it has been closed for a while', () => {
    const { breaker, clock, fail, succeed } = setUp();
    const openAgainAfter = (ms: number) => {
      clock.advance(breaker.retryInMs);
      succeed(2);
      clock.advance(ms);
      fail(3);
      return breaker.retryInMs;
    };
    fail(3);
    expect([openAgainAfter(3_999), openAgainAfter(3_999), openAgainAfter(4_000)]).toEqual([2_000, 4_000, 1_000]);
  });

  it('does not stay open for ever, however often it opens', () => {
    const { breaker, clock, fail } = setUp({ openMs: 0 });
    for (let i = 0; i < 3; i++) fail();
    for (let i = 0; i < 2_000; i++) {
      fail();
      clock.advance(1);
    }
    expect(breaker.retryInMs).toBe(0);
  });
});

describe('a half-open breaker', () => {
  function halfOpen() {
    const all = setUp();
    all.fail(3);
    all.clock.advance(1_000);
    return all;
  }

  it('lets a few calls through at once, and no more, last or not', () => {
    const { breaker, enter } = halfOpen();
    const [one] = [enter(), enter()];
    expect([breaker.enter(false), breaker.enter(true)]).toEqual([undefined, undefined]);
    expect([breaker.admits, breaker.retryInMs]).toEqual([false, 1_000]);
    one?.left();
    expect([breaker.admits, breaker.retryInMs]).toEqual([true, 0]);
    enter();
    expect(breaker.enter(true)).toBeUndefined();
  });

  it('tells that it is half open when the first call comes', () => {
    const { enter } = halfOpen();
    expect(news.map(([state]) => state)).toEqual(['open']);
    enter();
    enter();
    expect(news).toEqual([
      ['open', 'upstream_error'],
      ['half_open', 'upstream_error'],
    ]);
  });

  it('closes after so many successes in a row', () => {
    const { breaker, succeed } = halfOpen();
    succeed();
    expect(breaker.state).toBe('half_open');
    succeed();
    expect(breaker.state).toBe('closed');
  });

  it('opens again with a failure, and then counts from the beginning', () => {
    const { breaker, clock, fail, succeed } = halfOpen();
    succeed();
    fail();
    expect(breaker.state).toBe('open');
    clock.advance(2_000);
    succeed();
    expect(breaker.state).toBe('half_open');
  });

  it('opens again when a stream breaks off that had begun well', () => {
    const { breaker, enter } = halfOpen();
    const stream = enter();
    stream.succeeded();
    stream.failed('upstream_reset');
    expect(breaker.state).toBe('open');
  });

  it('starts from nothing when it closes', () => {
    const { breaker, fail, succeed } = halfOpen();
    succeed(2);
    fail(2);
    expect(breaker.state).toBe('closed');
    fail();
    expect(breaker.state).toBe('open');
  });

  it('is not moved by calls that began before it opened', () => {
    const { breaker, clock, enter, fail, succeed } = setUp();
    const old = [1, 2, 3, 4, 5, 6, 7].map(() => enter());
    fail(3);
    old[0]?.succeeded();
    expect(breaker.state).toBe('open');
    clock.advance(1_000);
    succeed();
    old[1]?.succeeded();
    old[2]?.failed('upstream_error');
    expect(breaker.state).toBe('half_open');
    succeed();
    for (const pass of old) pass.failed('upstream_error');
    expect(breaker.state).toBe('closed');
  });

  it('keeps the places of calls that are under way when it opens again', () => {
    const { breaker, clock, enter } = halfOpen();
    const [slow, failing] = [enter(), enter()];
    failing?.failed('upstream_error');
    expect([breaker.state, breaker.enter(true)]).toEqual(['open', undefined]);
    clock.advance(2_000);
    enter();
    expect(breaker.enter(true)).toBeUndefined();
    slow?.succeeded();
    expect(breaker.state).toBe('half_open');
    expect(enter()).toBeDefined();
  });
});

describe('a pass', () => {
  const actions = ['succeeded', 'failed', 'left'] as const;
  const orders = actions.flatMap((a) => actions.flatMap((b) => actions.map((c) => [a, b, c] as const)));

  it.each(orders)('gives its place back once: %s, %s, %s', (...order) => {
    const { breaker, enter, fail } = setUp({ probes: 1, openMs: 0 });
    fail(3);
    const pass = enter();
    expect(breaker.admits).toBe(false);
    for (const action of order) pass[action]('upstream_error');
    fail(3);
    enter();
    expect(breaker.enter(true)).toBeUndefined();
  });

  it.each([
    [['left', 'failed'], 'half_open'],
    [['left', 'succeeded'], 'half_open'],
    [['failed', 'succeeded'], 'open'],
    [['succeeded', 'succeeded'], 'half_open'],
    [['succeeded', 'left', 'failed'], 'half_open'],
    [['succeeded', 'failed'], 'open'],
  ] as const)('that says %s leaves the breaker %s', (order, state) => {
    const { breaker, clock, enter, fail } = setUp();
    fail(3);
    clock.advance(1_000);
    const pass = enter();
    for (const action of order) pass[action]('upstream_error');
    expect(breaker.state).toBe(state);
  });
});

describe('a reload', () => {
  it('keeps an open breaker open, but not for longer than is now allowed', () => {
    const { breaker, fail } = setUp();
    fail(3);
    breaker.reconfigure({ ...settings, maxOpenMs: 500 });
    expect([breaker.state, breaker.retryInMs]).toEqual(['open', 500]);
  });

  it('closes one that is switched off, and counts on when it is on again', () => {
    const { breaker, fail } = setUp();
    fail(3);
    breaker.reconfigure({ ...settings, enabled: false });
    fail(2);
    expect([breaker.state, news.at(-1)]).toEqual(['closed', ['closed', 'upstream_error']]);
    breaker.reconfigure(settings);
    fail();
    expect(breaker.state).toBe('open');
  });

  it('tells nothing where nothing changes', () => {
    const { breaker } = setUp();
    breaker.reconfigure({ ...settings, enabled: false });
    expect(news).toEqual([]);
  });

  it.each([
    { windowMs: settings.windowMs, state: 'open' },
    { windowMs: 5_000, state: 'closed' },
  ])('with a window of $windowMs ms leaves what counted there: $state', ({ windowMs, state }) => {
    const { breaker, fail, succeed } = setUp();
    for (let i = 0; i < 2; i++) {
      succeed(1);
      fail(1);
    }
    succeed(1);
    breaker.reconfigure({ ...settings, windowMs });
    fail();
    expect(breaker.state).toBe(state);
  });
});

it('closes in the end with the settings by default', () => {
  const { breaker, clock, fail, succeed } = setUp(defaultBreaker);
  fail(5);
  clock.advance(breaker.retryInMs);
  succeed(2);
  expect([breaker.state, clock.pending]).toEqual(['closed', 0]);
});
