// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { fileSchema } from '../../src/config/schema.ts';
import { variableNames } from '../../src/config/variables.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { load } from './loading.ts';

const fromTop = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = (path: string) => readFileSync(fromTop(path), 'utf8');

const committed: unknown = JSON.parse(text('config.schema.json'));
const documentation = text('docs/configuration.md');
const examples = [...documentation.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => yaml);
const env = { OPENAI_API_KEY: 'sk-openai-1', GROQ_API_KEY: 'gsk-groq-1', ANTHROPIC_API_KEY: 'sk-anthropic-1' };

/** Every key of the file, as it is written in its mapping. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = 'properties' in schema && schema.properties ? Object.keys(schema.properties) : [];
  return [...own, ...Object.values(schema).flatMap(keysOf)];
}

describe('config.schema.json', () => {
  it('is up to date', () => {
    expect(text('config.schema.json')).toBe(configJsonSchema());
  });

  it('passes its own check', () => {
    const script = fromTop('scripts/write-config-schema.ts');
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('');
  });

  const schema = z.fromJSONSchema(committed as Parameters<typeof z.fromJSONSchema>[0]);

  it.each([
    ['an empty file', {}, true],
    ['a reference for a number', { server: { grpc_port: '${PORT}' } }, true],
    ['a reference for a boolean', { server: { reflection: '${R:-no}' } }, true],
    ['a reference within a text', { providers: { a: { base_url: 'https://${HOST}/v1' } } }, true],
    ['a number in text', { server: { grpc_port: '8080' } }, false],
    ['a number out of range', { server: { grpc_port: 65_536 } }, false],
    ['an unknown key', { server: { grpcPort: 1 } }, false],
    ['an unknown section', { sever: {} }, false],
    ['an unknown level', { telemetry: { log_level: 'loud' } }, false],
    ['a key in the file', { providers: { a: { api_key: 'sk-literal' } } }, false],
    ['a reference to a key', { providers: { a: { api_key: '${KEY}' } } }, true],
    ['a key in the list of keys', { providers: { a: { api_keys: [{ key: 'sk-literal' }] } } }, false],
    ['a reference in the list of keys', { providers: { a: { api_keys: [{ key: '${KEY}', weight: 2 }] } } }, true],
    ['an unknown kind', { providers: { a: { kind: 'antropic' } } }, false],
    ['a bad name of a provider', { providers: { A: {} } }, false],
  ])('%s: %s', (_, content, expected) => {
    expect(schema.safeParse(content).success).toBe(expected);
  });

  it.each(examples)('takes the example of the documentation', (example) => {
    expect(schema.safeParse(parse(example)).error?.issues).toBeUndefined();
  });

  it('describes every setting', () => {
    const undescribed: string[] = [];
    const visit = (node: Record<string, unknown>, path: string) => {
      for (const [key, value] of Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>)) {
        if (!value.description) undescribed.push(`${path}${key}`);
        visit(value, `${path}${key}.`);
      }
      const inner = node.additionalProperties;
      if (typeof inner === 'object' && inner !== null) visit(inner as Record<string, unknown>, `${path}*.`);
    };
    visit(committed as Record<string, unknown>, '');
    expect(undescribed).toEqual([]);
  });
});

describe('docs/configuration.md', () => {
  it('has examples that load', () => {
    expect(examples.length).toBeGreaterThan(0);
    const { providers, defaultModel } = load(env, examples[0]);
    expect(providers.map(({ name }) => name)).toEqual(['openai', 'groq', 'vllm', 'anthropic']);
    expect(defaultModel).toBe('groq/llama-3.3-70b-versatile');
    for (const example of examples) expect(load(env, example).enabled).toBe(true);
  });

  it('has an example of routing that says what it seems to say', () => {
    const { routing } = load(
      env,
      examples.find((example) => example.startsWith('routing:')),
    );
    expect(routing.rules.map(({ policy }) => [policy.rule, policy.route?.name])).toEqual([
      ['summaries', 'cheap'],
      ['chat', 'balanced'],
    ]);
  });

  it.each(variableNames)('has %s', (name) => {
    expect(documentation).toContain(`\`${name}\``);
  });

  it.each([...providerKinds.values()])('has the kind $kind and its address', ({ kind, baseUrl }) => {
    const row = documentation.split('\n').find((line) => line.startsWith(`| \`${kind}\``));
    expect(row).toContain(baseUrl === undefined ? 'none' : `| \`${baseUrl}\` |`);
  });

  it.each([...new Set(keysOf(z.toJSONSchema(fileSchema, { io: 'input' })))])('has the key %s', (key) => {
    expect(documentation).toMatch(new RegExp(`[\`.]${key}\\b`));
  });
});

describe('.env.example', () => {
  const lines = text('.env.example').split('\n');
  const assigned = lines.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);

  it('has every variable once, and no other', () => {
    expect(assigned.toSorted()).toEqual(variableNames.toSorted());
  });

  it('has a comment above each, and no values', () => {
    for (const name of assigned) {
      const at = lines.indexOf(`${name}=`);
      expect(at, name).toBeGreaterThan(0);
      expect(lines[at - 1], name).toMatch(/^# \S/);
    }
  });

  it('changes nothing when it is used as it is', () => {
    expect(load(Object.fromEntries(assigned.map((name) => [name, ''])))).toEqual(load({}));
  });
});
