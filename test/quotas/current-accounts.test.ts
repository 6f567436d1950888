import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anonymous, type Caller } from '../../src/core/call.ts';
import type { Limit } from '../../src/core/limits.ts';
import { accountsOf } from '../../src/quotas/accounts.ts';
import { CurrentAccounts } from '../../src/quotas/current-accounts.ts';
import { limitsOfCaller, limitsOfModel, noQuotas, type QuotaSettings } from '../../src/quotas/settings.ts';

const limits: readonly Limit[] = [
  { unit: 'requests', window: 'minute', amount: 9 },
  { unit: 'tokens', window: 'hour', amount: 9 },
];
const money: readonly Limit[] = [{ unit: 'nano_usd', window: 'month', amount: 9 }];

const settings: QuotaSettings = {
  ...noQuotas,
  all: limits,
  teams: { named: new Map([['rich', money]]), each: limits },
  keys: { named: new Map(), each: [{ unit: 'requests', window: 'day', amount: 9 }] },
  models: { named: new Map([['openai/a', money]]), each: [] },
};

/** Also backwards: a clock may be set. */
const step = fc.record({
  name: fc.constantFrom('a', 'b'),
  team: fc.constantFrom('', 'rich', 'poor'),
  model: fc.constantFrom('a', 'b'),
  laterMs: fc.oneof(fc.integer({ min: -90_000, max: 90_000 }), fc.constantFrom(0, 60_000)),
});

describe('the accounts of a moment', () => {
  it('are those of its windows, whatever was looked up before', () => {
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const current = new CurrentAccounts(settings);
      let wallMs = Date.UTC(2026, 10, 30, 23, 58);
      for (const { name, team, model, laterMs } of steps) {
        wallMs += laterMs;
        const caller: Caller = { ...anonymous, name, team };
        const target = { provider: 'openai', model };
        const ofCaller = limitsOfCaller(settings, caller).flatMap((limited) => accountsOf(limited, wallMs));
        const limited = limitsOfModel(settings, target);
        const ofModel = limited ? accountsOf(limited, wallMs) : [];
        expect(current.ofCaller(caller, wallMs)).toEqual({ list: ofCaller, wallMs, ofMoney: team === 'rich' });
        expect(current.ofModel(target, wallMs)).toEqual({ list: ofModel, wallMs, ofMoney: model === 'a' });
      }
    });
    fc.assert(property);
  });
});
