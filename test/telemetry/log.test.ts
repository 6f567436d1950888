import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/core/redact.ts';
import { createLog, type LogOptions } from '../../src/telemetry/log.ts';
import { fakeClock } from '../support/fake-clock.ts';

const CANARY = 'canary-5f3a9c';

function logging(level: LogOptions['level'] = 'debug') {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const redact = redactor([CANARY]);
  const clock = fakeClock();
  const log = createLog({ service: 'antiphon', version: '1.2.3', level, redact, clock, stream });
  return { log, clock, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

it('writes one line of JSON', () => {
  const { log, lines, parsed } = logging();
  log.info({ grpc: '127.0.0.1:50051', count: 3 }, 'listening');
  log.close();
  expect(parsed()).toEqual([
    {
      level: 'info',
      time: '2023-11-14T22:13:21.000Z',
      service: 'antiphon',
      version: '1.2.3',
      grpc: '127.0.0.1:50051',
      count: 3,
      msg: 'listening',
    },
  ]);
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
});

describe('levels', () => {
  const table: [LogOptions['level'], string[]][] = [
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ];
  it.each(table)('%s', (level, written) => {
    const { log, parsed } = logging(level);
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name]({}, 'x');
    expect(parsed().map((line) => line.level)).toEqual(written);
  });
});

it('masks secrets, wherever in the fields they are', () => {
  const { log, lines } = logging();
  const deep = { a: [{ b: CANARY }, CANARY], error: new Error(CANARY, { cause: CANARY }) };
  log.warn({ text: `key=${CANARY}`, deep, list: [[CANARY]] }, `message ${CANARY}`);
  expect(lines.join()).toContain('[redacted]');
  expect(lines.join()).not.toContain(CANARY);
});

it('says of an error its name, code and place', () => {
  const { log, parsed } = logging();
  log.error({ error: Object.assign(new Error('gone'), { code: 'EPIPE', config: 'prompt' }) }, 'failed');
  expect(parsed()[0]?.error).toEqual({ name: 'Error', code: 'EPIPE', at: expect.stringContaining('log.test.ts') });
});

it('keeps a line in bounds, and whole, whatever it is given', () => {
  const { log, lines, parsed } = logging();
  const circle: Record<string, unknown> = { big: 1n, none: null, left: undefined, number: 0.5 };
  circle.self = circle;
  log.info({ circle, many: Array.from({ length: 1000 }, () => 'x '.repeat(5_000)) }, 'm '.repeat(5_000));
  expect(lines[0]?.length).toBeLessThan(250_000);
  expect(parsed()[0]).toMatchObject({ circle: { big: 1, none: null, number: 0.5 } });
});

it('has times to the millisecond', () => {
  const { log, clock, parsed } = logging();
  const times = () => parsed().map(({ time }) => time);
  for (const ms of [0, 7, 992, 1]) {
    clock.advance(ms);
    log.info({}, 'x');
  }
  expect(times()).toEqual(['21.000Z', '21.007Z', '21.999Z', '22.000Z'].map((end) => `2023-11-14T22:13:${end}`));
});

it('can be closed when there is nothing to write', () => {
  const log = createLog({ service: 's', version: 'v', level: 'silent', redact: (text) => text, clock: fakeClock() });
  log.error({}, 'x');
  log.close();
  expect(() => log.close()).not.toThrow();
});

it('escapes what a terminal would obey', () => {
  const { log, lines } = logging();
  log.info({ a: 'x\r\n{"level":"fake"}\x1b[2J\x00\x7f\x9b' }, 'y\x1b]0;z\x07');
  expect(lines[0]?.trimEnd()).toMatch(/^[\x20-\x7e]+$/);
});

describe('on the standard output', () => {
  /** Runs a script with a log of its own, and gives what it wrote. */
  function run(script: string): Promise<{ output: string; code: number | null }> {
    const prelude = `
      import { createLog } from '${new URL('../../src/telemetry/log.ts', import.meta.url).href}';
      import { systemClock } from '${new URL('../../src/core/clock.ts', import.meta.url).href}';
      const log = createLog({ service: 's', version: 'v', level: 'info', redact: (text) => text, clock: systemClock });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    return new Promise((resolve) => child.on('close', (code) => resolve({ output, code })));
  }

  it('nothing is lost when the process ends right after', async () => {
    const { output, code } = await run(
      "for (let i = 0; i < 2000; i++) log.info({ i }, 'x'); log.close(); process.exit(3)",
    );
    const lines = output.trimEnd().split('\n');
    expect(code).toBe(3);
    expect(lines.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(
      Array.from({ length: 2000 }, (_, i) => i),
    );
  });

  it('nobody waits for a slow reader: what does not fit is dropped, and counted', async () => {
    const { output } = await run(`
      const text = 'x'.repeat(1900);
      for (let i = 0; i < 40_000; i++) log.info({ text }, 'x');`);
    const lines = output.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1000);
    const last = JSON.parse(lines.at(-1) ?? '') as { level: string; lines: number };
    expect(last.level).toBe('warn');
    expect(last.lines + lines.length - 1).toBe(40_000);
  });
});
