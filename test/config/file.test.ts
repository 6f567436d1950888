// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadProcessConfig } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { load, said } from './loading.ts';

describe('the YAML file', () => {
  it.each([
    ['', 'empty'],
    ['# only a comment\n', 'a comment'],
    ['server:\n', 'an empty section'],
    ['server: { host: null }\n', 'null'],
    ['\uFEFFserver: {}\n', 'a byte order mark'],
    ['{ "server": { "grpc_port": 50051 } }', 'JSON'],
    ['server: &s { grpc_port: 50051 }\n', 'an anchor'],
  ])('%j is as good as no file (%s)', (file) => {
    expect(load({}, file)).toEqual({ ...load({}), files: ['antiphon.yaml'] });
  });

  it('resolves aliases', () => {
    const file = 'providers:\n  a: { base_url: &u "https://x.example/v1" }\n  b: { base_url: *u }\n';
    const { providers } = load({ ALLOWED_MODELS: '*' }, file);
    expect(providers.map(({ baseUrl }) => baseUrl?.href)).toEqual(['https://x.example/v1', 'https://x.example/v1']);
  });

  const many = (n: number) => `a: &a [x]\nb: [${Array.from({ length: n }, () => '*a').join(', ')}]\n`;
  const bomb = `a: &a [x, x]\n${'bcdefghij'
    .split('')
    .map((c, i) => `${c}: &${c} [*${'abcdefghi'[i]}, *${'abcdefghi'[i]}]`)
    .join('\n')}\n`;

  it.each([
    ['server:\n  host: a\n  host: b\n', 'line 3, column 3 repeats a key of the same mapping'],
    ['server: {}\n---\nserver: {}\n', 'line 2, column 1 begins a second document'],
    ['server:\n\thost: a\n', 'line 2, column 1 is indented with a tab'],
    ['server: !secret x\n', 'line 1, column 9 has a tag that is not known'],
    ['server: !!js/function "x"\n', 'line 1, column 9 has a tag that is not known'],
    ['server: "abc\n', 'line 2, column 1 is not valid YAML'],
    ['server: a: b\n', 'line 1, column 9 is not valid YAML'],
    ['server: *nowhere\n', 'the file has an alias that is not defined, or too many aliases'],
    [many(100), 'the file has an alias that is not defined, or too many aliases'],
    [bomb, 'the file has an alias that is not defined, or too many aliases'],
    ['- server\n', 'the file is not a mapping'],
    ['text', 'the file is not a mapping'],
    ['servers: {}\n', 'servers is not a known setting'],
    ['__proto__: { x: 1 }\n', '__proto__ is not a possible name'],
    ['1: x\n', '1 is not a known setting'],
    ['"a b": x\n', '"a b" is not a known setting'],
    ['server: text\n', 'server is not a mapping'],
    ['server: [a]\n', 'server is not a mapping'],
  ])('%j: %s', (file, expected) => {
    expect(said({}, file)[0]).toBe(expected);
  });

  it('gives up on a file that is nested without end', () => {
    expect(said({}, '['.repeat(20_000))[0]).toMatch(/^line 1, column \d+ is nested too deeply$/);
  });

  it('gives no more than the first few mistakes of syntax', () => {
    expect(said({}, 'a: b: c\n'.repeat(50)).length).toBeLessThanOrEqual(5);
  });
});

describe('reading the file', () => {
  const fails = (code: string) => () => {
    throw Object.assign(new Error('secret path'), { code });
  };
  const problem = (readFile: (path: string, maxBytes: number) => Uint8Array) => {
    try {
      loadConfig({ ANTIPHON_CONFIG: '/etc/antiphon.yaml' }, readFile);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map((one) => `${one.path} ${one.problem}`);
    }
    return [];
  };

  it.each([
    ['ENOENT', 'ANTIPHON_CONFIG names a file that does not exist'],
    ['EACCES', 'ANTIPHON_CONFIG names a file that this process may not read'],
    ['EISDIR', 'ANTIPHON_CONFIG names a directory'],
    ['EIO', 'ANTIPHON_CONFIG names a file that cannot be read'],
  ])('%s: %s', (code, expected) => {
    expect(problem(fails(code))).toEqual([expected]);
  });

  it('takes 1 MiB and not a byte more', () => {
    const comment = (bytes: number) => new TextEncoder().encode(`#${' '.repeat(bytes - 1)}`);
    expect(problem((_, maxBytes) => comment(maxBytes))).toEqual([]);
    expect(problem(() => comment(1024 * 1024))).toEqual([]);
    expect(problem(() => comment(1024 * 1024 + 1))).toEqual(['ANTIPHON_CONFIG names a file larger than 1 MiB']);
  });

  it('takes UTF-8 only', () => {
    expect(problem(() => new Uint8Array([0x61, 0xff]))).toEqual([
      'ANTIPHON_CONFIG names a file that is not UTF-8 text',
    ]);
  });
});

describe('loadProcessConfig', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'antiphon-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const withFile = (path: string) => {
    vi.stubEnv('ANTIPHON_CONFIG', path);
    vi.stubEnv('ALLOWED_MODELS', '*');
    try {
      return loadProcessConfig();
    } finally {
      vi.unstubAllEnvs();
    }
  };

  it('reads the environment of the process and a file', () => {
    const path = join(directory, 'good.yaml');
    writeFileSync(path, 'server: { grpc_port: 7123 }\n');
    const { server, allowedModels } = withFile(path);
    expect(server.grpcPort).toBe(7123);
    expect(allowedModels).toEqual(['*']);
  });

  it.each([
    ['does not exist', 'none.yaml'],
    ['directory', ''],
  ])('says: %s', (words, name) => {
    expect(() => withFile(join(directory, name))).toThrow(words);
  });

  it('stops reading a file that is too large', () => {
    const path = join(directory, 'large.yaml');
    writeFileSync(path, '#'.repeat(1024 * 1024 + 1));
    expect(() => withFile(path)).toThrow('larger than 1 MiB');
  });
});
