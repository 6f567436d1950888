import { beforeEach, describe, expect, it } from 'vitest';
import { defaultBreaker } from '../../src/resilience/settings.ts';
import { TargetState } from '../../src/resilience/target-state.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const target = { provider: 'p', model: 'm' };

let clock: FakeClock;
beforeEach(() => {
  clock = fakeClock();
});

function fail({ breaker }: TargetState): void {
  for (let i = 0; i < defaultBreaker.consecutiveFailures; i++) breaker.enter(true)?.failed('upstream_error');
}

describe('the state of a target', () => {
  const stateOf = () => new TargetState(target, defaultBreaker, clock, () => undefined);

  it('is ready at first', () => {
    const state = stateOf();
    expect([state.availability(), state.retryInMs, state.active]).toEqual(['ready', 0, 0]);
  });

  it('counts the calls that are with it', () => {
    const state = stateOf();
    state.started();
    state.started();
    state.ended();
    expect(state.active).toBe(1);
  });

  it('cools for as long as it is told', () => {
    const state = stateOf();
    state.cool(500);
    expect([state.availability(), state.retryInMs]).toEqual(['cooling', 500]);
    clock.advance(499);
    expect(state.availability()).toBe('cooling');
    clock.advance(1);
    expect([state.availability(), state.retryInMs]).toEqual(['ready', 0]);
  });

  it.each([
    [[500, 200], 500],
    [[200, 500], 500],
    [[3_600_001], 3_600_000],
    [[Number.POSITIVE_INFINITY], 3_600_000],
    [[0, -5, Number.NaN], 0],
  ])('that is to cool for %j ms does for %i ms', (waits, ms) => {
    const state = stateOf();
    for (const wait of waits) state.cool(wait);
    expect(state.retryInMs).toBe(ms);
  });

  it('is warm again by a call that began after the last cooling, and by no other', () => {
    const state = stateOf();
    const { coolings } = state;
    state.cool(500);
    const between = state.coolings;
    state.cool(100);
    state.warmed(coolings);
    state.warmed(between);
    expect(state.availability()).toBe('cooling');
    state.warmed(state.coolings);
    expect(state.availability()).toBe('ready');
  });

  it('is open with its breaker, cooling or not', () => {
    const state = stateOf();
    fail(state);
    expect([state.availability(), state.retryInMs]).toEqual(['open', 5_000]);
    state.cool(8_000);
    expect([state.availability(), state.retryInMs]).toEqual(['open', 8_000]);
    clock.advance(5_000);
    expect([state.availability(), state.retryInMs]).toEqual(['cooling', 3_000]);
  });

  it('is open while a half-open breaker has no place left', () => {
    const state = stateOf();
    fail(state);
    clock.advance(5_000);
    expect(state.availability()).toBe('ready');
    const passes = [state.breaker.enter(false), state.breaker.enter(false)];
    expect(state.availability()).toBe('open');
    passes[0]?.left();
    expect(state.availability()).toBe('ready');
  });
});
