import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Strategy } from '../../src/core/policy.ts';
import { load } from '../config/loading.ts';
import { everyStrategy } from './routes.ts';

const page = readFileSync(new URL('../../docs/routing.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
const env = { OPENAI_API_KEY: 'sk-openai-1', ANTHROPIC_API_KEY: 'sk-anthropic-1' };

describe('docs/routing.md', () => {
  it('has an example for each part of a rule', () => {
    const rules = examples.flatMap((example) => parse(example).routing?.rules ?? []);
    const used = new Set(rules.flatMap((rule: object) => Object.keys(rule)));
    for (const part of [
      'match',
      'tier',
      'targets',
      'priority',
      'timeouts',
      'fallbacks',
      'canary',
      'hedge',
      'escalate',
      'shadow',
    ])
      expect(used).toContain(part);
  });

  it.each(examples)('has examples that start as they are, without a notice of what they say', (example) => {
    const { notices, routing } = load(env, example);
    expect(notices.filter((notice) => /rule|route|canary|shadow/.test(notice))).toEqual([]);
    expect(routing.rules).toHaveLength(parse(example).routing?.rules?.length ?? 0);
  });

  it('tells of every strategy, and of no other', () => {
    const table = page.slice(page.indexOf('| strategy |'));
    const told = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name as Strategy);
    expect(told.slice(0, everyStrategy.length)).toEqual(everyStrategy);
  });

  it('links to what is there', () => {
    for (const [, path = ''] of page.matchAll(/\]\(([\w.-]+\.md)[^)]*\)/g))
      expect(readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8')).not.toBe('');
  });
});
