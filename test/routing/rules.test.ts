import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ruleFinder } from '../../src/routing/rules.ts';
import type { Rule, RuleMatch } from '../../src/routing/settings.ts';
import { type CallInit, callOf, policyOf, routeOf, targetOf } from './routes.ts';

const anything: RuleMatch = {
  requestTypes: undefined,
  sourceAgents: undefined,
  teams: undefined,
  labels: {},
  models: undefined,
};

const rule = (name: string, match: Partial<RuleMatch>): Rule => ({
  match: { ...anything, ...match },
  policy: policyOf({ rule: name }),
});

const found = (match: Partial<RuleMatch>, call: CallInit) => ruleFinder([rule('x', match)])(callOf(call)) !== undefined;

const named = (model: string): CallInit => ({ request: { model } });
const typed = (requestType: string): CallInit => ({ request: { requestType } });
const labelled = (labels: Record<string, string>): CallInit => ({ request: { labels } });

describe('a rule', () => {
  it.each<[Partial<RuleMatch>, CallInit, boolean]>([
    [{}, {}, true],
    [{}, named('gpt-5'), true],
    [{ requestTypes: ['summary'] }, typed('summary'), true],
    [{ requestTypes: ['other', 'summary'] }, typed('summary'), true],
    [{ requestTypes: ['summary'] }, typed('summary.long'), false],
    [{ requestTypes: ['summary*'] }, typed('summary.long'), true],
    [{ requestTypes: ['s*y'] }, typed('summary'), true],
    [{ requestTypes: ['summary'] }, {}, false],
    [{ requestTypes: [] }, typed('summary'), false],
    [{ sourceAgents: ['team/bot'] }, { agent: 'team/bot' }, true],
    [{ sourceAgents: ['team/*'] }, { agent: 'team/bot' }, true],
    [{ sourceAgents: ['*bot'] }, { agent: 'team/bot' }, true],
    [{ sourceAgents: ['bot'] }, { agent: 'team/bot' }, false],
    [{ sourceAgents: ['Bot'] }, { agent: 'bot' }, false],
    [{ teams: ['search', 'ads'] }, { team: 'ads' }, true],
    [{ teams: ['search'] }, { team: 'ads' }, false],
    [{ teams: ['search'] }, {}, false],
    [{ labels: { env: 'prod' } }, labelled({ env: 'prod', more: 'x' }), true],
    [{ labels: { env: 'prod', tier: 'a' } }, labelled({ env: 'prod' }), false],
    [{ labels: { env: 'prod' } }, labelled({ env: 'dev' }), false],
    [{ labels: { env: 'p*' } }, labelled({ env: 'prod' }), false],
    [{ labels: { constructor: '' } }, {}, false],
    [{ models: ['gpt-5'] }, named('gpt-5'), true],
    [{ models: ['gpt-5'] }, named('openai/gpt-5'), true],
    [{ models: ['openai/*'] }, named('openai/gpt-5'), true],
    [{ models: ['openai/*'] }, named('azure/gpt-5'), false],
    [{ models: ['openai/*'] }, named('gpt-5'), false],
    [{ models: ['meta/llama'] }, named('meta/llama'), true],
    [{ models: ['cheap'] }, named('cheap'), true],
    [{ models: ['*'] }, named('gpt-5'), true],
    [{ models: ['*'] }, {}, false],
    [{ models: [] }, named('gpt-5'), false],
    [{ requestTypes: ['summary'], teams: ['ads'] }, { ...typed('summary'), team: 'ads' }, true],
    [{ requestTypes: ['summary'], teams: ['ads'] }, { ...typed('summary'), team: 'search' }, false],
    [{ requestTypes: ['summary'], models: ['*'] }, typed('summary'), false],
  ])('%j, held against %j: %j', (match, call, expected) => {
    expect(found(match, call)).toBe(expected);
  });
});

describe('ruleFinder', () => {
  it('takes the first that matches, as it is', () => {
    const rules = [rule('one', { teams: ['a'] }), rule('two', { requestTypes: ['t*'] }), rule('three', {})];
    const find = ruleFinder(rules);
    expect(find(callOf({ team: 'a', request: { requestType: 't' } }))).toBe(rules[0]?.policy);
    expect(find(callOf({ team: 'b', request: { requestType: 't' } }))).toBe(rules[1]?.policy);
    expect(find(callOf())).toBe(rules[2]?.policy);
  });

  it('finds nothing where nothing matches', () => {
    expect(ruleFinder([])(callOf())).toBeUndefined();
    expect(ruleFinder([rule('one', { teams: ['a'] })])(callOf())).toBeUndefined();
  });

  it('needs every condition, and of each list any entry', () => {
    const text = fc.constantFrom('a', 'b', 'c');
    const list = fc.option(fc.uniqueArray(text), { nil: undefined });
    const match = fc.record({ requestTypes: list, sourceAgents: list, teams: list });
    fc.assert(
      fc.property(match, text, text, text, (wanted, type, agent, team) => {
        const pairs = [
          [wanted.requestTypes, type],
          [wanted.sourceAgents, agent],
          [wanted.teams, team],
        ] as const;
        const expected = pairs.every(([texts, one]) => texts?.includes(one) ?? true);
        expect(found(wanted, { ...typed(type), agent, team })).toBe(expected);
      }),
    );
  });

  describe('for a call that names a model', () => {
    const redirecting = policyOf({
      priority: 'low',
      route: routeOf('priority', ['a/1']),
      canary: { to: targetOf('b/1'), share: 1 },
      fallbacks: [targetOf('c/1')],
    });
    const find = (models: readonly string[] | undefined, call: CallInit) =>
      ruleFinder([{ match: { ...anything, models }, policy: redirecting }])(callOf(call));

    it('keeps all that a rule about models says', () => {
      expect(find(['gpt-*'], named('gpt-5'))).toBe(redirecting);
    });

    it('leaves route and canary of any other rule aside, and nothing else', () => {
      expect(find(undefined, named('gpt-5'))).toEqual({ ...redirecting, route: undefined, canary: undefined });
      expect(find(undefined, {})).toBe(redirecting);
    });
  });
});
