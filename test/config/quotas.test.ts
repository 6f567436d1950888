import { describe, expect, it } from 'vitest';
import { noQuotas } from '../../src/quotas/settings.ts';
import { load, said } from './loading.ts';

describe('what the file says of quotas', () => {
  it('may be nothing: then nothing is limited', () => {
    expect(load({}).quotas).toEqual(noQuotas);
  });

  it('may be everything', () => {
    const file = `
quotas:
  all: { usd_per_hour: 12.5 }
  teams:
    search: { tokens_per_day: 1000, usd_per_month: 0.000001 }
    "*": { usd_per_day: 0.1 }
  keys:
    "*": { requests_per_minute: 60, tokens_per_minute: 20000 }
  models:
    openai/gpt-6-luna: { requests_per_hour: 5, requests_per_day: 6, requests_per_month: 7, tokens_per_hour: 8, tokens_per_month: 9 }
  output_tokens: 250
  allow_unpriced: true
  alert_at_percent: [100, 50]
`;
    expect(load({}, file).quotas).toEqual({
      all: [{ unit: 'nano_usd', window: 'hour', amount: 12_500_000_000 }],
      teams: {
        named: new Map([
          [
            'search',
            [
              { unit: 'tokens', window: 'day', amount: 1_000 },
              { unit: 'nano_usd', window: 'month', amount: 1_000 },
            ],
          ],
        ]),
        each: [{ unit: 'nano_usd', window: 'day', amount: 100_000_000 }],
      },
      keys: {
        named: new Map(),
        each: [
          { unit: 'requests', window: 'minute', amount: 60 },
          { unit: 'tokens', window: 'minute', amount: 20_000 },
        ],
      },
      models: {
        named: new Map([
          [
            'openai/gpt-6-luna',
            [
              { unit: 'requests', window: 'hour', amount: 5 },
              { unit: 'tokens', window: 'hour', amount: 8 },
              { unit: 'requests', window: 'day', amount: 6 },
              { unit: 'requests', window: 'month', amount: 7 },
              { unit: 'tokens', window: 'month', amount: 9 },
            ],
          ],
        ]),
        each: [],
      },
      outputTokens: 250,
      allowUnpriced: true,
      alertAt: [0.5, 1],
    });
  });

  it('is told of limits that nobody has', () => {
    const file = `
access:
  teams: { search: {} }
  keys: [{ name: build, hash: "sha256:${'ab'.repeat(32)}" }]
quotas:
  teams: { serch: {}, search: {}, "*": {} }
  keys: { build: {}, built: {}, anonymous: {}, "*": {} }
  models: { mock/echo: {}, mocks/a: {}, mocks/b: {}, "*": {} }
`;
    expect(load({}, file).notices.filter((notice) => notice.startsWith('quotas.'))).toEqual([
      'quotas.teams has limits of serch, which is no team of access.teams: did you mean search?',
      'quotas.keys has limits of built, which is no key of the configuration: did you mean build?',
      'quotas.models has limits of mocks, which is no provider that is on: did you mean mock?',
    ]);
  });

  it.each([
    ['quotas: { all: { usd_per_minute: 1 } }', 'quotas.all.usd_per_minute is not a known setting'],
    ['quotas: { all: { requests_per_day: 0 } }', 'quotas.all.requests_per_day is too small'],
    ['quotas: { keys: { "a b": {} } }', 'quotas.keys."a b" is not a possible name'],
    ['quotas: { models: { "*": { tokens_per_day: 1.5 } } }', 'quotas.models."*".tokens_per_day is not a whole number'],
  ])('%s is a problem', (file, problem) => {
    expect(said({}, file)).toEqual([expect.stringContaining(problem)]);
  });
});
