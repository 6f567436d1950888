import { describe, expect, it } from 'vitest';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { says } from './answers.ts';
import { type Asked, callLines, type Door, from, type Stage, setStage, whole } from './stage.ts';

const doors: readonly Door[] = ['gRPC', 'Connect'];

const file = {
  models: { provider_order: ['a', 'b', 'c'], default: 'c/two' },
  routing: {
    routes: { cheap: { targets: ['b/one', 'a/one'] }, apart: { targets: ['c/one'] } },
    tiers: { fast: ['a/two'], balanced: ['b/two'] },
    rules: [
      { name: 'of-models', match: { request_types: ['task'], models: ['a/t*'] }, targets: ['b/one'] },
      { name: 'of-tasks', match: { request_types: ['task', 'task.*'] }, route: 'apart', fallbacks: ['a/one'] },
      { name: 'of-agents', match: { source_agents: ['bot-*'] }, tier: 'balanced' },
      { name: 'of-labels', match: { labels: { env: 'dev', team: 'x' } }, targets: ['a/one'], strategy: 'least_busy' },
      { name: 'of-tiers', match: { labels: { env: 'dev' } }, priority: 'low' },
    ],
  },
};

const setThree = () => setStage({ a: says('A'), b: says('B'), c: says('C') }, { file });

const { FAST } = ModelTier;
const { MODERATE } = TaskComplexity;
const everything = { tier: FAST, complexity: MODERATE };
const task = { requestType: 'task' };

/** What a call says, where it goes, why, and the rule that it goes by. */
type Row = readonly [Asked, string, string, string?];

const rows: readonly Row[] = [
  // Nothing, and then one thing more in each row.
  [{}, 'c/two', 'the default model'],
  [{ complexity: MODERATE }, 'b/two', 'complexity moderate: tier balanced by priority'],
  [everything, 'a/two', 'tier fast by priority'],
  [{ ...everything, model: 'cheap' }, 'b/one', 'route cheap by priority'],
  [{ ...everything, model: 'c/one' }, 'c/one', 'named with its provider'],
  [{ ...everything, ...task }, 'c/one', 'rule of-tasks: route apart by priority', 'of-tasks'],
  [{ ...everything, ...task, model: 'cheap' }, 'b/one', 'route cheap by priority', 'of-tasks'],
  [{ ...everything, ...task, model: 'a/two' }, 'b/one', 'rule of-models: route of-models by priority', 'of-models'],
  // How rules match.
  [{ requestType: 'task.long' }, 'c/one', 'rule of-tasks: route apart by priority', 'of-tasks'],
  [{ requestType: 'tasks' }, 'c/two', 'the default model'],
  [{ context: { sourceAgent: 'bot-1' } }, 'b/two', 'rule of-agents: route balanced by priority', 'of-agents'],
  [{ context: { sourceAgent: 'robot-1' } }, 'c/two', 'the default model'],
  [
    { labels: { env: 'dev', team: 'x', more: 'y' } },
    'a/one',
    'rule of-labels: route of-labels by least_busy',
    'of-labels',
  ],
  [{ labels: { env: 'dev', team: 'z' } }, 'c/two', 'the default model', 'of-tiers'],
  [{ labels: { env: 'prod' } }, 'c/two', 'the default model'],
  [{ ...task, model: 'a/one' }, 'a/one', 'named with its provider', 'of-tasks'],
];

const nameOf = ([asked]: Row): string => JSON.stringify(asked);

describe.each(doors)('through %s', (door) => {
  it.each(rows.map((row) => [nameOf(row), row] as const))('%s', async (_, [asked, target, reason, rule]) => {
    const stage = await setThree();
    const reply = await stage.ask(asked, { door });
    expect(from(reply)).toBe(target);
    expect(stage.asked).toEqual([target]);
    expect(whole(reply).selectionReason).toBe(reason);
    expectLogged(stage, { reason, rule });
  });
});

function expectLogged(stage: Stage, { reason, rule }: { reason: string; rule: string | undefined }): void {
  const [line] = callLines(stage);
  expect(line?.selection).toBe(reason);
  expect(line?.rule).toBe(rule);
}
