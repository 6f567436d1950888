// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../src/config/config.ts';
import { ConfigError } from '../src/config/problem.ts';
import { ConfigSource, reloads } from '../src/reload.ts';
import { settle } from './support/calls.ts';
import { fakeClock } from './support/fake-clock.ts';

let folder = '';
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'antiphon-source-'));
  vi.stubEnv('ANTIPHON_CONFIG', at('file'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const LOOK_MS = 2_000;
const provider = (name: string, key = 'key') =>
  `providers: { ${name}: { base_url: "http://127.0.0.1:1/v1", models: [m], api_key: "\${file:${at(key)}}" } }`;
const NONE = 'server: { drain_delay_ms: 5 }';

/** What was read and taken on, and what was told. `read` is the first reading: what comes before it is `before`. */
function setUp({ between = () => undefined as unknown } = {}) {
  const source = new ConfigSource();
  source.read();
  between();
  const clock = fakeClock();
  const taken: Config[] = [];
  const lines: string[] = [];
  const problems: unknown[] = [];
  let refused = 0;
  let failure: Error | undefined;
  const running = {
    reload(config: Config) {
      if (failure) throw failure;
      taken.push(config);
      return [];
    },
    reloadRefused: () => refused++,
  };
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, msg: string) => {
    lines.push(`${level} ${msg}`);
    problems.push(fields.problems);
  };
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const { ask, close } = reloads(running, source, log, clock);
  return {
    source,
    clock,
    taken,
    lines,
    problems,
    close,
    refused: () => refused,
    keys: () => taken.map(({ providers }) => providers[0]?.keys[0]?.value),
    fail: (error: Error | undefined) => {
      failure = error;
    },
    async ask() {
      ask();
      await settle();
    },
    async look(times = 5) {
      for (let i = 0; i < times; i++) {
        clock.advance(LOOK_MS);
        await settle();
      }
    },
  };
}

describe('reloads', () => {
  beforeEach(() => {
    writeFileSync(at('file'), provider('a'));
    writeFileSync(at('key'), 'key-1');
  });

  it('come when a file changes, and stop at the end', async () => {
    const { look, keys, close, clock, source } = setUp();
    expect(source.files).toEqual([at('file'), at('key')]);
    await look();
    expect(keys()).toEqual([]);
    writeFileSync(at('key'), 'key-2');
    await look();
    expect(keys()).toEqual(['key-2']);
    close();
    writeFileSync(at('key'), 'key-3');
    await look();
    expect([keys(), clock.pending]).toEqual([['key-2'], 0]);
  });

  it('come once for a change of which they were told as well', async () => {
    const { ask, look, keys } = setUp();
    writeFileSync(at('key'), 'key-2');
    await ask();
    await look();
    expect(keys()).toEqual(['key-2']);
    writeFileSync(at('key'), 'key-3');
    await look(1);
    await ask();
    await look();
    expect(keys()).toEqual(['key-2', 'key-3']);
  });

  it('come for a change between the first reading and the first look', async () => {
    const { look, keys } = setUp({ between: () => writeFileSync(at('key'), 'key-2') });
    await look();
    expect(keys()).toEqual(['key-2']);
  });

  it('come for a change of a file that is new, from when it was read on', async () => {
    const { ask, look, keys } = setUp();
    writeFileSync(at('other'), 'key-2');
    writeFileSync(at('file'), provider('a', 'other'));
    await ask();
    writeFileSync(at('other'), 'key-3');
    await look();
    expect(keys()).toEqual(['key-2', 'key-3']);
    writeFileSync(at('key'), 'nobody reads this');
    await look();
    expect(keys()).toHaveLength(2);
  });

  it('come again when what was wrong is put right, be it as it was', async () => {
    const { look, lines, keys, refused } = setUp();
    rmSync(at('key'));
    await look();
    expect(refused()).toBe(1);
    writeFileSync(at('key'), 'key-1');
    await look();
    expect(keys()).toEqual(['key-1']);
    expect(lines).toContain('info notice');
    expect(lines.filter((line) => !line.endsWith(' notice'))).toEqual([
      'error configuration not reloaded: the last good one stays',
      'info configuration reloaded',
    ]);
  });

  it('outlive a defect', async () => {
    const { ask, lines, fail, keys, refused } = setUp();
    fail(new TypeError('a defect'));
    await ask();
    fail(undefined);
    await ask();
    expect([refused(), keys()]).toEqual([1, ['key-1']]);
    expect(lines[0]).toBe('error configuration not reloaded: the last good one stays');
  });
});

describe('a configuration of which nothing is left', () => {
  const refusal = [{ path: 'providers', problem: expect.stringContaining('mock'), fix: expect.any(String) }];

  it.each<[string, string]>([
    ['empty', ''],
    ['with comments only', '# to do'],
    ['without providers', NONE],
    ['whose only provider is off', 'providers: { openai: {} }'],
  ])('%s is refused where there was a provider', async (_, text) => {
    writeFileSync(at('file'), provider('a'));
    writeFileSync(at('key'), 'key-1');
    const { ask, taken, problems, refused } = setUp();
    writeFileSync(at('file'), text);
    await ask();
    await ask();
    expect([taken.length, refused()]).toEqual([0, 2]);
    expect(problems).toEqual([refusal, refusal]);
  });

  it.each<[string, string]>([
    ['that asks for the mock', 'mock: { use: true }'],
    ['that lists the mock', 'providers: { mock: {} }'],
    ['that has the mock by default', 'models: { default_provider: mock }'],
    ['that switches all models off', 'enabled: false'],
  ])('%s is taken on', async (_, text) => {
    writeFileSync(at('file'), provider('a'));
    writeFileSync(at('key'), 'key-1');
    const { ask, taken, refused } = setUp();
    writeFileSync(at('file'), text);
    await ask();
    expect([taken.length, refused()]).toEqual([1, 0]);
  });

  it('is taken on where the mock answered already', async () => {
    writeFileSync(at('file'), NONE);
    const { ask, taken } = setUp();
    writeFileSync(at('file'), '');
    await ask();
    expect(taken).toHaveLength(1);
  });
});

describe('a source', () => {
  it('tells the files of a configuration that cannot be used, too', () => {
    writeFileSync(at('file'), provider('a'));
    const source = new ConfigSource();
    expect(() => source.read()).toThrow(ConfigError);
    expect(source.files).toEqual([at('file'), at('key')]);
  });
});
