import { describe, expect, it } from 'vitest';
import { seeded } from '../../routing/routes.ts';
import { countingClock } from '../../support/counting-clock.ts';
import { until } from '../../support/scene.ts';
import { refuses, says } from './answers.ts';
import { type Asked, counts, from, hows, type Stage, setStage, whole } from './stage.ts';

const SESSIONS = 100;
const sessions = Array.from({ length: SESSIONS }, (_, n) => `session ${n}`);

/** Where each session goes. Fails if two calls of one go to different targets. */
async function targetsBySession(stage: Stage, asked: Asked, ids = sessions): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const session of ids) {
    for (const how of hows) {
      const target = from(await stage.ask(asked, { session, how }));
      expect(found.get(session) ?? target).toBe(target);
      found.set(session, target);
    }
  }
  return found;
}

/** Within four standard deviations of what chance would give. */
function expectShare(count: number | undefined, share: number, of: number): void {
  expect(Math.abs((count ?? 0) - share * of)).toBeLessThanOrEqual(4 * Math.sqrt(share * (1 - share) * of));
}

const scripts = { a: says('A'), b: says('B'), c: says('C') };
const targets = [{ model: 'a/one', weight: 6 }, 'b/one', 'c/one'];
const sticky = (strategy: string, list: readonly unknown[] = ['a/one', 'b/one', 'c/one']) => ({
  routing: { routes: { kept: { strategy, sticky: true, targets: list } } },
});

describe('a sticky route', () => {
  it.each([
    ['weighted', targets, [0.75, 0.125, 0.125]],
    ['round_robin', undefined, [1 / 3, 1 / 3, 1 / 3]],
    ['least_latency', undefined, [1 / 3, 1 / 3, 1 / 3]],
    ['least_busy', undefined, [1 / 3, 1 / 3, 1 / 3]],
  ] as const)('keeps each session at one target: %s', async (strategy, list, shares) => {
    const stage = await setStage(scripts, { file: sticky(strategy, list) });
    const found = counts([...(await targetsBySession(stage, { model: 'kept' })).values()]);
    for (const [i, share] of shares.entries()) expectShare(found[`${'abc'[i]}/one`], share, SESSIONS);
  });

  it('says so, and spreads calls without a session', async () => {
    const stage = await setStage(scripts, { file: sticky('round_robin') });
    expect(whole(await stage.ask({ model: 'kept' }, { session: 's' })).selectionReason).toBe('route kept by session');
    for (let n = 0; n < 6; n++) expect(whole(await stage.ask({ model: 'kept' })).selectionReason).toMatch(/robin$/);
    expect(counts(stage.asked.slice(1))).toEqual({ 'a/one': 2, 'b/one': 2, 'c/one': 2 });
  });

  it('moves only the sessions of a target that fails, each to one place, and not for good', async () => {
    let works = true;
    const a = (...args: Parameters<typeof scripts.a>) => (works ? scripts.a : refuses(503))(...args);
    const file = { ...sticky('round_robin'), breaker: { consecutive_failures: 2, open_ms: 5, max_open_ms: 5 } };
    const some = sessions.slice(0, 40);
    const stage = await setStage({ ...scripts, a }, { file });
    const before = await targetsBySession(stage, { model: 'kept' }, some);
    works = false;
    const during = await targetsBySession(stage, { model: 'kept' }, some);
    for (const session of some) {
      if (before.get(session) === 'a/one') expect(during.get(session)).not.toBe('a/one');
      else expect(during.get(session)).toBe(before.get(session));
    }
    const moved = some.filter((session) => before.get(session) === 'a/one').map((session) => during.get(session) ?? '');
    expect(Object.keys(counts(moved)).toSorted()).toEqual(['b/one', 'c/one']);
    works = true;
    const [session] = some.filter((each) => before.get(each) === 'a/one');
    await until('the target to be back', async () => from(await stage.ask({ model: 'kept' }, { session })) === 'a/one');
    expect(await targetsBySession(stage, { model: 'kept' }, some)).toEqual(before);
  });

  it('is the same for another gateway, whatever the order of its targets', async () => {
    const some = sessions.slice(0, 30);
    const one = await setStage(scripts, { file: sticky('weighted', targets) });
    const other = await setStage(scripts, { file: sticky('weighted', targets.toReversed()) });
    const asked = { model: 'kept' };
    expect(await targetsBySession(other, asked, some)).toEqual(await targetsBySession(one, asked, some));
  });
});

describe('a canary', () => {
  const rule = { name: 'early', match: { request_types: ['new'] }, targets: ['a/one', 'b/one'] };
  const file = { routing: { rules: [{ ...rule, canary: { to: 'c/two', percent: 20 } }] } };
  const asked = { requestType: 'new' };

  it('takes a session or leaves it, as a whole, and by its share', async () => {
    const stage = await setStage(scripts, { file });
    const found = counts([...(await targetsBySession(stage, asked)).values()]);
    expectShare(found['c/two'], 0.2, SESSIONS);
    expect(found['a/one']).toBe(SESSIONS - (found['c/two'] ?? 0));
  });

  it('takes its share of the calls without a session, and says why', async () => {
    const stage = await setStage(scripts, { file, clock: countingClock(seeded(11)) });
    for (let n = 0; n < 200; n++) {
      const { provider, selectionReason } = whole(await stage.ask(asked));
      expect(selectionReason).toBe(provider === 'c' ? 'canary of rule early' : 'rule early: route early by priority');
    }
    expectShare(counts(stage.asked)['c/two'], 0.2, 200);
  });

  it('that fails is left for what the rule has', async () => {
    const canary = { to: 'c/two', percent: 100 };
    const stage = await setStage(
      { ...scripts, c: refuses(503) },
      { file: { routing: { rules: [{ ...rule, canary }] } } },
    );
    expect(from(await stage.ask(asked))).toBe('a/one');
    expect(stage.asked).toEqual(['c/two', 'a/one']);
  });

  it('takes no call that names a model, unless its rule is about models', async () => {
    const canary = { to: 'c/two', percent: 100 };
    const rules = [
      { name: 'of-models', match: { request_types: ['all'], models: ['b/*'] }, canary },
      { ...rule, match: { request_types: ['new', 'all'] }, canary },
    ];
    const stage = await setStage(scripts, {
      file: { models: { provider_order: ['a', 'b', 'c'], default: 'a/one' }, routing: { rules } },
    });
    expect(from(await stage.ask({ ...asked, model: 'b/one' }))).toBe('b/one');
    expect(from(await stage.ask({ requestType: 'all', model: 'b/one' }))).toBe('c/two');
    expect(from(await stage.ask({ requestType: 'all', model: 'a/one' }))).toBe('a/one');
    expect(from(await stage.ask({ requestType: 'all' }))).toBe('c/two');
  });
});
