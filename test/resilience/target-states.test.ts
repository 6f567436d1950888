import { beforeEach, describe, expect, it } from 'vitest';
import type { News } from '../../src/core/news.ts';
import { defaultBreaker } from '../../src/resilience/settings.ts';
import type { TargetState } from '../../src/resilience/target-state.ts';
import { TargetStates } from '../../src/resilience/target-states.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';

const target = { provider: 'p', model: 'm' };
const at = (model: string, provider = 'p') => ({ provider, model });

let clock: FakeClock;
beforeEach(() => {
  clock = fakeClock();
});

function fail({ breaker }: TargetState, times = defaultBreaker.consecutiveFailures): void {
  for (let i = 0; i < times; i++) breaker.enter(true)?.failed('upstream_error');
}

describe('the states of targets', () => {
  const news: News[] = [];
  const setUp = () => {
    news.length = 0;
    return new TargetStates(defaultBreaker, clock, (one) => news.push(one));
  };

  it('are made when they are asked for, and stay', () => {
    const states = setUp();
    const state = states.of(target);
    expect(state.target).toEqual(target);
    expect(states.of({ ...target })).toBe(state);
    expect(states.of(at('other'))).not.toBe(state);
    expect(states.of(at('m', 'other'))).not.toBe(state);
  });

  it('are told by provider, ordered by model', () => {
    const states = setUp();
    for (const model of ['b', 'c', 'B', 'a']) states.of(at(model));
    states.of(at('a', 'other'));
    states.of(at('b'));
    expect(states.at('p').map(({ target: { model } }) => model)).toEqual(['B', 'a', 'b', 'c']);
    expect(states.at('none')).toEqual([]);
  });

  it('tell of a breaker that opens', () => {
    fail(setUp().of({ ...target }));
    expect(news).toEqual([{ type: 'breaker', target, state: 'open', reason: 'upstream_error' }]);
  });

  it('are at most 1,000: the least recently used without calls makes room', () => {
    const states = setUp();
    const [m0, m1] = [states.of(at('m0')), states.of(at('m1'))];
    for (let i = 0; i < 1_000; i++) states.of(at(`m${i}`));
    m1.started();
    for (const model of ['m500', 'm0']) states.of(at(model));
    expect(states.at('p')).toHaveLength(1_000);
    for (let i = 0; i < 998; i++) states.of(at(`new${i}`));
    expect(states.at('p')).toHaveLength(1_000);
    expect(states.of(at('m0'))).toBe(m0);
    expect(states.of(at('m1'))).toBe(m1);
    for (let i = 0; i < 999; i++) states.of(at(`newer${i}`));
    expect(states.at('p')).toHaveLength(1_000);
    expect(states.of(at('m1'))).toBe(m1);
    expect(states.of(at('m0'))).not.toBe(m0);
  });

  it('are not kept where all that are known have calls', () => {
    const states = setUp();
    for (let i = 0; i < 1_000; i++) states.of(at(`m${i}`)).started();
    expect(states.of(at('one more')).availability()).toBe('ready');
    expect(states.at('p').some(({ target: { model } }) => model === 'one more')).toBe(false);
    states.of(at('m500')).ended();
    const known = states.of(at('one more'));
    expect(states.of(at('one more'))).toBe(known);
    expect(states.at('p')).toHaveLength(1_000);
  });

  it('keep what is known with other settings, for those to come as well', () => {
    const states = setUp();
    const state = states.of(target);
    state.cool(500);
    fail(state, 2);
    states.reconfigure({ ...defaultBreaker, consecutiveFailures: 3 });
    fail(state, 1);
    fail(states.of(at('new')), 3);
    expect([state.breaker.state, states.of(at('new')).breaker.state]).toEqual(['open', 'open']);
    expect(states.of(target)).toBe(state);
  });
});
