import { execFile, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { digestOf } from '../src/access/digest.ts';
import { load } from './config/loading.ts';

const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url));

async function run(args: readonly string[], input = '') {
  const child = spawn(process.execPath, [CLI, 'keys', ...args], { env: {}, stdio: 'pipe' });
  child.stdin.end(input);
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once('close', resolve)),
  ]);
  return { out, err, code };
}

describe('antiphon keys', () => {
  it('creates a key, and what the configuration needs of it', async () => {
    const more = ['--team', 'search', '--role', 'viewer', '--role', 'admin', '--expires', '2027-01-31T00:00:00Z'];
    const { out, code } = await run(['create', '--name', 'yes', ...more]);
    const [key = '', ...file] = out.split('\n');
    expect([code, key]).toEqual([0, expect.stringMatching(/^ant_[A-Za-z0-9_-]{43}$/)]);
    const yaml = `${file.join('\n')}  teams: { search: {} }\n`;
    expect(parse(yaml).access.keys).toHaveLength(1);
    expect(load({}, yaml).access.keys).toEqual([
      {
        name: 'yes',
        digest: digestOf(key),
        team: 'search',
        roles: ['viewer', 'admin'],
        allowedModels: undefined,
        expiresMs: Date.UTC(2027, 0, 31),
        isRevoked: false,
      },
    ]);
  });

  it('makes the same of a key that there is, which comes by the standard input', async () => {
    const key = 'a-key-that-is-long-enough';
    expect(await run(['hash'], `${key}\n`)).toEqual({ out: `sha256:${digestOf(key)}\n`, err: '', code: 0 });
  });

  it('takes no short key, and does not repeat it', async () => {
    const { out, err, code } = await run(['hash'], 'too-short');
    expect([out, code]).toEqual(['', 1]);
    expect(err).toContain('16 to 512');
    expect(err).not.toContain('too-short');
  });

  it.each([
    [[]],
    [['create']],
    [['create', '--name', 'a b']],
    [['create', '--name', 'a', '--team', '-']],
    [['create', '--name', 'a', '--role', 'root']],
    [['create', '--name', 'a', '--expires', 'soon']],
    [['create', '--name', 'a', '--key', 'x']],
    [['hash', 'a-key-that-is-long-enough']],
  ])('refuses %j', async (args) => {
    const { out, err, code } = await run(args);
    expect([out, code]).toEqual(['', 2]);
    expect(err).toContain('keys create --name');
    expect(err).not.toContain('a-key-that');
  });
});

it('antiphon keys needs no configuration', async () => {
  const env = { ANTIPHON_CONFIG: '/nowhere.yaml' };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'keys', 'create', '--name', 'a'], { env });
  expect(stdout).toMatch(/^ant_/);
});
