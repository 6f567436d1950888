import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorKind, errorKinds } from '../../src/core/errors.ts';
import type { News } from '../../src/core/news.ts';
import { ProbeState } from '../../src/resilience/probe-state.ts';
import { fakeClock } from '../support/fake-clock.ts';

function probed(failures = 3) {
  const clock = fakeClock();
  const told: News[] = [];
  const state = new ProbeState('openai', { failures, clock, tell: (news) => void told.push(news) });
  return { clock, told, state };
}

/** What each kind of error says of the provider. Those that are not here say nothing: it was not asked. */
const meanings: Readonly<Partial<Record<ErrorKind, 'works' | 'fails'>>> = {
  upstream_unreachable: 'fails',
  upstream_tls: 'fails',
  upstream_timeout: 'fails',
  upstream_reset: 'fails',
  upstream_incomplete: 'fails',
  upstream_bad_response: 'fails',
  upstream_overloaded: 'fails',
  upstream_error: 'fails',
  upstream_auth: 'works',
  upstream_billing: 'works',
  upstream_rate_limited: 'works',
  upstream_rejected: 'works',
  upstream_not_found: 'works',
  upstream_too_large: 'works',
  context_length_exceeded: 'works',
  content_blocked: 'works',
};

describe('a provider', () => {
  it('works until probes say otherwise', () => {
    const { state, told } = probed();
    expect([state.works, state.last, told]).toEqual([true, undefined, []]);
  });

  it.each(errorKinds)('with %s', (kind) => {
    const { state } = probed(1);
    state.ended(kind, 5);
    const means = state.last && (state.last.succeeded ? 'works' : 'fails');
    expect(means).toBe(meanings[kind]);
    expect(state.works).toBe(means !== 'fails');
    expect(state.last?.reason).toBe(means === 'fails' ? kind : undefined);
  });

  it('does not work after so many failures in a row, and works again after one success', () => {
    const { state, told } = probed(3);
    const works = (error: ErrorKind | undefined) => {
      state.ended(error, 5);
      return state.works;
    };
    expect([works('upstream_error'), works('upstream_error'), works(undefined)]).toEqual([true, true, true]);
    expect(told).toEqual([]);
    expect([works('upstream_error'), works('upstream_error'), works('upstream_timeout')]).toEqual([true, true, false]);
    expect([works('upstream_error'), works('upstream_rate_limited')]).toEqual([false, true]);
    expect(told).toEqual([
      { type: 'probe', provider: 'openai', works: false, reason: 'upstream_timeout' },
      { type: 'probe', provider: 'openai', works: true, reason: undefined },
    ]);
  });

  it('is seen by another number of failures as soon as it is set', () => {
    const { state, told } = probed(3);
    state.ended('upstream_error', 5);
    state.ended('upstream_reset', 5);
    state.reconfigure(2);
    expect(state.works).toBe(false);
    state.reconfigure(2);
    state.reconfigure(4);
    expect(state.works).toBe(true);
    expect(told).toEqual([
      { type: 'probe', provider: 'openai', works: false, reason: 'upstream_reset' },
      { type: 'probe', provider: 'openai', works: true, reason: 'upstream_reset' },
    ]);
  });

  it('keeps what the last probe said', () => {
    const { state, clock } = probed();
    state.ended('upstream_error', 120);
    clock.advance(500);
    expect(state.last).toEqual({ succeeded: false, reason: 'upstream_error', ageMs: 500, durationMs: 120 });
    state.ended('circuit_open', 1);
    expect(state.last).toMatchObject({ ageMs: 500 });
    state.ended(undefined, 30);
    expect(state.last).toEqual({ succeeded: true, reason: undefined, ageMs: 0, durationMs: 30 });
  });

  it('is as its last probes were, and every change is told once', () => {
    const errors = fc.constantFrom<ErrorKind | undefined>(undefined, ...errorKinds);
    fc.assert(
      fc.property(fc.array(errors, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (all, failures) => {
        const { state, told } = probed(failures);
        for (const error of all) state.ended(error, 1);
        const said = all.map((error) => (error === undefined ? 'works' : meanings[error])).filter(Boolean);
        const sinceSuccess = said.length - 1 - said.lastIndexOf('works');
        expect(state.works).toBe(sinceSuccess < failures);
        const changes = told.map((news) => news.type === 'probe' && news.works);
        expect(changes).toEqual(changes.map((_, i) => i % 2 === 1));
        expect(state.works).toBe(changes.at(-1) ?? true);
      }),
    );
  });
});
