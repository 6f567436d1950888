// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadProcessConfig } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { readAtMost } from '../../src/config/read-file.ts';
import type { Env } from './loading.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const failing = (code: string) => Object.assign(new Error('its content'), { code });

type Content = string | Uint8Array | Error;

/** Loads with these files, the one at /config.yaml first. Gives the files that were read, also when it fails. */
function load(yaml: string, contents: Readonly<Record<string, Content>> = {}, env: Env = {}) {
  const read: [string, string | undefined][] = [];
  const config = () =>
    loadConfig({ ANTIPHON_CONFIG: '/config.yaml', ALLOWED_MODELS: '*', ...env }, (path, _, only) => {
      read.push([path, only]);
      const content = path === '/config.yaml' ? yaml : (contents[path] ?? failing('ENOENT'));
      if (content instanceof Error) throw content;
      return typeof content === 'string' ? bytes(content) : content;
    });
  return { config, read };
}

function problemsOf(yaml: string, contents: Readonly<Record<string, Content>> = {}) {
  try {
    load(yaml, contents).config();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const groq = (key: string, more = '') => `providers: { groq: { api_key: "${key}"${more} } }`;
const SECRET = 'gsk_0123456789abcdef';

describe('a reference to a file', () => {
  it.each<[string, Content]>([
    ['as it is', SECRET],
    ['without the space around it', `\n ${SECRET} \r\n`],
    ['without a byte order mark', `\uFEFF${SECRET}\n`],
  ])('is its content, %s', (_, content) => {
    const { providers, secrets } = load(groq('${file:/run/secrets/groq}'), { '/run/secrets/groq': content }).config();
    expect(providers[0]?.keys).toEqual([{ name: 'groq api_key', value: SECRET, weight: 1 }]);
    expect(secrets).toContain(SECRET);
  });

  it('may be missing where that is said', () => {
    const { providers, notices } = load(groq('${file:/none:-}')).config();
    expect(providers.map(({ name }) => name)).not.toContain('groq');
    expect(notices.join()).toContain('The provider groq is off');
  });

  it('may be a key among several, with a name or without', () => {
    const yaml = 'providers: { groq: { api_keys: [{ key: "${file:/a}" }, { name: spare, key: "${file:/b}" }] } }';
    const { providers } = load(yaml, { '/a': 'key-a', '/b': 'key-b' }).config();
    expect(providers[0]?.keys.map(({ name }) => name)).toEqual(['groq api_keys 0 key', 'spare']);
  });

  it('stands anywhere in a value, also for a number', () => {
    const yaml = 'server: { grpc_port: "${file:/port}", host: "127.0.${file:/host}" }';
    expect(load(yaml, { '/port': '7000\n', '/host': '0.1' }).config().server).toMatchObject({
      grpcPort: 7000,
      host: '127.0.0.1',
    });
  });

  it('may carry a credential in a header', () => {
    const yaml = groq('${K}', ', headers: { x-api-key: "${file:/etc/header}" }');
    const { providers, secrets } = load(yaml, { '/etc/header': 'words' }, { K: 'key-1' }).config();
    expect(providers[0]?.headers).toEqual({ 'x-api-key': 'words' });
    expect(secrets).toContain('words');
  });

  it.each([
    ['/etc/name', false],
    ['/run/secrets/name', true],
    ['/etc/api-token', true],
  ])('elsewhere is a secret by its path: %s %s', (path, isSecret) => {
    const { secrets, telemetry } = load(`telemetry: { service_name: "\${file:${path}}" }`, {
      [path]: 'billing',
    }).config();
    expect([telemetry.serviceName, secrets.includes('billing')]).toEqual(['billing', isSecret]);
  });

  it('is not read where the environment says something else', () => {
    const { config, read } = load('server: { host: "${file:/host}" }', {}, { ANTIPHON_HOST: '127.0.0.2' });
    expect(config().server.host).toBe('127.0.0.2');
    expect(read).toEqual([['/config.yaml', undefined]]);
  });

  it('is read once, and only if it is a regular file', () => {
    const yaml = `${groq('${file:/k}')}\ntelemetry: { service_name: "a\${file:/n}b\${file:/n}" }`;
    const { config, read } = load(yaml, { '/k': 'key-1', '/n': '-' });
    expect(config().telemetry.serviceName).toBe('a-b-');
    expect(read).toEqual([
      ['/config.yaml', undefined],
      ['/k', 'regular'],
      ['/n', 'regular'],
    ]);
  });

  it('is one of the files that the configuration is made of, also if it is not there yet', () => {
    const { files } = load(groq('${file:/k}', ', base_url: "${file:/none:-https://x.example}"'), {
      '/k': 'key-1',
    }).config();
    expect(files).toEqual(['/config.yaml', '/k', '/none']);
  });
});

describe('a file that cannot be used', () => {
  const large = (length: number) => new Uint8Array(length).fill(0x61);

  it.each<[string, Content | undefined, string, string]>([
    [
      '/f',
      undefined,
      'names a file that does not exist',
      'Write the value into /f, or write ${file:/f:-} here if it may be missing.',
    ],
    ['/f', '', 'names an empty file', 'Write the value into /f, or write ${file:/f:-} here if it may be missing.'],
    ['/f', ' \n', 'names an empty file', 'Write the value into /f, or write ${file:/f:-} here if it may be missing.'],
    [
      '/f',
      failing('EACCES'),
      'names a file that this process may not read',
      'See that /f is a file that this process may read.',
    ],
    ['/f', failing('EISDIR'), 'names a directory', 'See that /f is a file that this process may read.'],
    [
      '/f',
      failing('NOT_REGULAR'),
      'names something that is no regular file',
      'See that /f is a file that this process may read.',
    ],
    ['/f', failing('EIO'), 'names a file that cannot be read', 'See that /f is a file that this process may read.'],
    ['/f', new Error('none'), 'names a file that cannot be read', 'See that /f is a file that this process may read.'],
    [
      '/f',
      large(65_537),
      'names a file larger than 64 KiB',
      'See that /f is the right file: it should hold one value.',
    ],
    [
      '/f',
      new Uint8Array([0x61, 0xff]),
      'names a file that is not UTF-8 text',
      'See that /f is the right file: it should hold text.',
    ],
    ['relative', 'x', 'names a file without its whole path', 'Write ${file:/path/to/it}.'],
    ['', 'x', 'names a file without its whole path', 'Write ${file:/path/to/it}.'],
  ])('%j with %j', (path, content, problem, fix) => {
    const contents = content === undefined ? {} : { [path]: content };
    const yaml = `telemetry: { service_name: "\${file:${path}}" }`;
    expect(problemsOf(yaml, contents)).toEqual([{ path: 'telemetry.service_name', problem, fix }]);
  });

  it('may have 64 KiB', () => {
    expect(problemsOf('telemetry: { service_name: "${file:/f}" }', { '/f': large(65_536) })).toMatchObject([
      { problem: 'is not a possible name of a service' },
    ]);
  });

  it('counts as there, so that a default does not hide what is wrong with it', () => {
    const yaml = 'telemetry: { service_name: "${file:/f:-gateway}" }';
    expect(problemsOf(yaml, { '/f': failing('EACCES') })).toHaveLength(1);
    expect(problemsOf(yaml, { '/f': ' ' })).toEqual([]);
  });

  it.each(['/sk-0123456789=abc', 'sk-0123456789', `/${'k'.repeat(256)}`, '/a\\nb'])(
    'is not named if its name is odd: %s',
    (path) => {
      const [problem] = problemsOf(`telemetry: { service_name: "\${file:${path}}" }`);
      expect(JSON.stringify(problem)).not.toContain(path.slice(1, 9));
    },
  );

  it('has nothing of what is in it told', () => {
    const contents = { '/k': 'se cret-value' };
    const told = JSON.stringify(problemsOf(groq('${file:/k}'), contents));
    expect(told).toContain('has characters that no key has');
    expect(told).not.toContain('cret');
  });

  it.each(['${file:/k:-sk-literal}', 'x${file:/k}', '${file:/k', '${file:k}'])(
    'is no way to write a key: %s',
    (key) => {
      expect(problemsOf(groq(key), { '/k': 'x' })).toMatchObject([
        {
          path: 'providers.groq.api_key',
          problem: 'is written into the file',
          fix: 'Put the key into a variable or a file, and write ${VAR} or ${file:/path} here.',
        },
      ]);
    },
  );
});

describe('on disk', () => {
  let directory = '';
  const at = (name: string) => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'antiphon-secrets-'));
    mkdirSync(at('..2026'));
    writeFileSync(at('..2026/key'), `${SECRET}\n`);
    symlinkSync('..2026', at('..data'));
    symlinkSync('..data/key', at('key'));
    writeFileSync(at('large'), 'x'.repeat(70_000));
    execFileSync('mkfifo', [at('pipe')]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const loadAt = (name: string, reading?: (path: string) => void) => {
    writeFileSync(at('config.yaml'), groq(`\${file:${at(name)}}`));
    vi.stubEnv('ANTIPHON_CONFIG', at('config.yaml'));
    vi.stubEnv('ALLOWED_MODELS', '*');
    try {
      return loadProcessConfig(reading);
    } finally {
      vi.unstubAllEnvs();
    }
  };

  it('is found behind the links that Kubernetes makes', () => {
    const read: string[] = [];
    const { providers, files } = loadAt('key', (path) => read.push(path));
    expect(providers[0]?.keys[0]?.value).toBe(SECRET);
    expect(files).toEqual([at('config.yaml'), at('key')]);
    expect(read).toEqual(files);
  });

  it.each([
    ['none', 'names a file that does not exist'],
    ['..data', 'names a directory'],
    ['pipe', 'names something that is no regular file'],
    ['large', 'names a file larger than 64 KiB'],
  ])('%s: %s', (name, words) => {
    const read: string[] = [];
    expect(() => loadAt(name, (path) => read.push(path))).toThrow(words);
    expect(read).toEqual([at('config.yaml'), at(name)]);
  });

  it('is no device', () => {
    expect(() => readAtMost('/dev/zero', 10, 'regular')).toThrow('no regular file');
    expect(readAtMost('/dev/zero', 10)).toHaveLength(11);
  });
});
