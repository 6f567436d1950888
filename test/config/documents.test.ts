// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
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

interface Node {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
}

/** Those of the table of variables, and the one that follows from another. */
const elsewhere = new Set([
  'enabled',
  'timeouts.idle_ms',
  ...['host', 'grpc_port', 'http_port', 'metrics_port'].map((key) => `server.${key}`),
  ...['seed', 'latency_ms', 'tokens_per_second', 'error_rate'].map((key) => `mock.${key}`),
  ...['service_name', 'log_level'].map((key) => `telemetry.${key}`),
]);

const simpleDefaults = (node: Node, path: string): { path: string; value: unknown }[] => [
  ...(['number', 'boolean', 'string'].includes(typeof node.default) ? [{ path, value: node.default }] : []),
  ...Object.entries(node.properties ?? {}).flatMap(([key, inner]) => simpleDefaults(inner, `${path}.${key}`)),
];

/** What the tables with the columns "key" and "default" say, by the path of the setting. */
function documentedDefaults(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const section of documentation.split(/^### /m).slice(1)) {
    const [title = ''] = section.split('\n');
    const table = section.split('| key | default | meaning |')[1]?.split('\n\n')[0] ?? '';
    for (const [, keys = '', values = ''] of table.matchAll(/^\| (`.+?`) \| ([^|]*) \|/gm)) {
      const names = [...keys.matchAll(/`([^`]+)`/g)].map(([, key = '']) => key);
      const [group = ''] = names[0]?.split('.') ?? [];
      const value = names.length > 1 ? values.split(', ') : [values];
      names.forEach((name, i) => {
        const key = name.startsWith('.') ? group + name : name;
        found.set(title.includes(',') ? key : `${title}.${key}`, value[i] ?? '');
      });
    }
  }
  return found;
}

describe('docs/configuration.md', () => {
  it('has examples that load', () => {
    expect(examples.length).toBeGreaterThan(0);
    const { providers, defaultModel } = load(env, examples[0]);
    expect(providers.map(({ name }) => name)).toEqual(['openai', 'groq', 'vllm', 'anthropic']);
    expect(defaultModel).toBe('groq/llama-3.3-70b-versatile');
    const file = (example: string) => (path: string) =>
      Buffer.from(path === 'antiphon.yaml' ? example : 'sk-in-a-file');
    for (const example of examples)
      expect(loadConfig({ ...env, ANTIPHON_CONFIG: 'antiphon.yaml' }, file(example)).enabled).toBe(true);
  });

  it('has the default of every setting that has a simple one', () => {
    const { properties } = z.toJSONSchema(fileSchema, { io: 'input' }) as { properties: Record<string, Node> };
    const simple = Object.entries(properties).flatMap(([name, node]) => simpleDefaults(node, name));
    expect(simple.length).toBeGreaterThan(50);
    const documented = documentedDefaults();
    const wrong = simple.filter(({ path, value }) => {
      const said = documented.get(path)?.replace(/^`(.*)`$/, '$1');
      return said !== String(value) && !elsewhere.has(path);
    });
    expect(wrong).toEqual([]);
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
