// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Health } from '#gen/health/v1/health_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { helloRequest } from '../support/calls.ts';
import { until } from '../support/scene.ts';
import {
  asked,
  complete,
  health,
  keys,
  REFUSED,
  RELOADED,
  type ReloadStage,
  reloadStage,
  replaceFile,
  streaming,
  streamingUpstream,
} from './reload-stage.ts';

const [SERVING] = [1];
const bearer = (key: string) => `by Bearer ${key}`;
const SECRET = /CANARY/;

/** What can become of a file, and a word of what is said about it. */
const broken: readonly (readonly [what: string, problem: RegExp, spoil: (stage: ReloadStage) => void])[] = [
  ['is no YAML', /is not valid YAML/, ({ path }) => writeFileSync(path, 'providers: {test: "CANARY-in-the-file\n')],
  ['is cut in a word', /is not valid YAML/, ({ path, text }) => truncateSync(path, text.indexOf('retry:') + 3)],
  ['is cut in an address', /base_url/, ({ path, text }) => truncateSync(path, text.indexOf('http:') + 6)],
  ['is cut before its providers', /mock/, ({ path, text }) => truncateSync(path, text.indexOf('models:'))],
  ['is empty', /mock/, ({ path }) => truncateSync(path, 0)],
  ['is gone', /does not exist/, ({ path }) => rmSync(path)],
  [
    'is a directory',
    /directory/,
    ({ path }) => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
  [
    'is a pipe that nobody writes to',
    /no regular file/,
    ({ path }) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
  ],
  ['has an unknown key', /not a known setting/, ({ path, text }) => writeFileSync(path, `${text}\nsever: {}`)],
  [
    'refers to a file that is not there',
    /does not exist/,
    ({ path, text }) => writeFileSync(path, text.replace('/key}', '/kee}')),
  ],
  [
    'refers to a variable that is not set',
    /NOT_SET/,
    ({ path, text }) => writeFileSync(path, text.replace(/\$\{.*\}/, '${NOT_SET}')),
  ],
  [
    'names a model that is nowhere',
    /provider/,
    ({ path, text }) => writeFileSync(path, `${text}\nrouting: { tiers: { fast: [nobody/gpt-x] } }`),
  ],
  [
    'has the key written into it',
    /written into the file/,
    ({ path, text }) => writeFileSync(path, text.replace(/\$\{.*\}/, keys.next)),
  ],
  ['refers to a key that is gone', /does not exist/, ({ keyPath }) => rmSync(keyPath)],
  ['refers to a key that is empty', /empty/, ({ keyPath }) => writeFileSync(keyPath, '\n')],
  ['refers to half a key', /characters/, ({ keyPath }) => writeFileSync(keyPath, `${keys.next} "`)],
];

/** All that must not have changed by a file that cannot be used. */
async function expectUntouched({ client, gateway, told }: ReloadStage): Promise<void> {
  const caller = client();
  expect(await asked(caller)).toBe(bearer(keys.old));
  const { messages } = await caller.unary(health, {});
  expect(messages).toMatchObject([{ status: SERVING, providers: [{ provider: 'test', status: SERVING, keys: 1 }] }]);
  for (const service of ['', 'antiphon.provider.test'])
    expect((await caller.unary(Health.method.check, { service })).messages).toMatchObject([{ status: SERVING }]);
  for (const page of ['healthz', 'readyz', 'health'])
    expect((await fetch(`http://127.0.0.1:${gateway.httpPort}/${page}`)).status).toBe(200);
  expect(await gateway.metrics()).toContain('llm_provider_up{provider="test"} 1');
  expect(told(RELOADED)).toEqual([]);
}

describe('row 75: a configuration that cannot be used', () => {
  test.each(broken)('%s: the last good one stays', async (_, problem, spoil) => {
    const stage = await reloadStage();
    const { reply } = await streaming(stage.client());
    spoil(stage);
    await stage.hangUp();
    await expectUntouched(stage);
    expect(await Promise.all([stage.reloads('ok'), stage.reloads('rejected')])).toEqual([0, 1]);
    await until('the line', () => stage.told(REFUSED).length > 0);
    const [line, ...others] = stage.told(REFUSED);
    expect(others).toEqual([]);
    const said = { path: expect.any(String), problem: expect.any(String), fix: expect.any(String) };
    expect(line).toMatchObject({ level: 'error', problems: expect.arrayContaining([said]) });
    expect(JSON.stringify(line?.problems)).toMatch(problem);
    expect(stage.gateway.stdout() + stage.gateway.stderr()).not.toMatch(SECRET);
    for (const each of stage.streams) each.finish();
    const { messages, error } = await reply;
    expect([error, checkEvents(messages)]).toEqual([undefined, undefined]);
    expect(stage.upstream.received.map(({ headers }) => headers.authorization)).toEqual(
      [keys.old, keys.old].map((key) => `Bearer ${key}`),
    );
    stage.gateway.signal('SIGTERM');
    expect(await stage.gateway.exited).toEqual({ code: 0, signal: null });
    await until('no connection to the provider', () => stage.upstream.open === 0);
  });

  // Root may read everything, whatever the mode says: the directory in the place of the file stands for it there.
  test.skipIf(process.getuid?.() === 0)('may not be read: the last good one stays', async () => {
    const stage = await reloadStage();
    chmodSync(stage.path, 0);
    await stage.hangUp();
    await expectUntouched(stage);
    await until('the line', () => /may not read/.test(JSON.stringify(stage.told(REFUSED))));
  });

  test('is noticed by itself, told once, and over when the file is good again', { timeout: 60_000 }, async () => {
    const stage = await reloadStage();
    writeFileSync(stage.path, `${stage.text}\nsever: {}`);
    await until('the bad file to be noticed', () => stage.told(REFUSED).length > 0);
    await expectUntouched(stage);
    stage.gateway.signal('SIGHUP');
    await until('the file to be read again', async () => (await stage.reloads('rejected')) === 2);
    writeFileSync(stage.path, `${stage.text}\nmock: { seed: 7 }`);
    await until('the good file to be noticed', () => stage.told(RELOADED).length > 0);
    expect(stage.told(REFUSED)).toHaveLength(2);
    expect(await Promise.all([stage.reloads('ok'), stage.reloads('rejected')])).toEqual([1, 2]);
    expect(await asked(stage.client())).toBe(bearer(keys.old));
  });
});

/** How a reload comes about. */
const occasions = {
  SIGHUP: async ({ hangUp }: ReloadStage) => hangUp(),
  'the change of a file': async ({ told }: ReloadStage) => {
    const before = told(RELOADED).length;
    await until('the change to be noticed', () => told(RELOADED).length > before);
  },
};

describe.each(Object.keys(occasions) as (keyof typeof occasions)[])('row 76: by %s', (occasion) => {
  test('the next call has the new key, a stream ends on the old one, and the old connections go with it', async () => {
    const stage = await reloadStage();
    const caller = stage.client();
    expect(await asked(caller)).toBe(bearer(keys.old));
    const { reply } = await streaming(caller);
    replaceFile(stage.keyPath, keys.next);
    await occasions[occasion](stage);
    expect(await asked(caller)).toBe(bearer(keys.next));
    expect(await asked(stage.client('Connect over HTTP/1.1'))).toBe(bearer(keys.next));
    const [old] = stage.streams;
    expect(old?.socket.destroyed).toBe(false);
    old?.text('more');
    old?.finish();
    const { messages, error } = await reply;
    expect([error, checkEvents(messages)]).toEqual([undefined, undefined]);
    await old?.closed;
    await until('only the new connection to be left', () => stage.upstream.open === 1);
    const used = stage.upstream.received.map(({ headers }) => headers.authorization?.replace('Bearer ', ''));
    expect(used).toEqual([keys.old, keys.old, keys.next, keys.next]);
    await until('the line', () => stage.told(RELOADED).length > 0);
    expect(stage.told(RELOADED)).toMatchObject([{ level: 'info', providers: ['test'] }]);
    stage.gateway.signal('SIGTERM');
    expect(await stage.gateway.exited).toEqual({ code: 0, signal: null });
    await until('no connection to the provider', () => stage.upstream.open === 0);
  });
});

test('row 76: an old key is still masked after it was replaced, and so is the new one', async () => {
  const stage = await reloadStage();
  replaceFile(stage.keyPath, keys.next);
  await stage.hangUp();
  const caller = stage.client();
  for (const key of Object.values(keys))
    expect((await caller.unary(complete, helloRequest(''), { headers: { 'x-source-agent': key } })).error).toBe(
      undefined,
    );
  await until('the lines of the calls', () => stage.told('call').length === 2);
  expect(stage.told('call')).toMatchObject([{ source_agent: '[redacted]' }, { source_agent: '[redacted]' }]);
  expect(stage.gateway.stdout()).not.toMatch(SECRET);
});

describe('a good file', () => {
  test('brings a provider and takes it away again, in calls, Health and metrics alike', async () => {
    const stage = await reloadStage();
    const second = await streamingUpstream();
    const caller = stage.client();
    expect(await asked(caller, 'second/m')).toMatchObject({ code: 7 });
    replaceFile(stage.path, `${stage.text}\n  second: { base_url: ${second.upstream.url}, models: [m] }`);
    await stage.hangUp();
    const { reply } = await streaming(caller, 'second/m');
    expect(await asked(caller, 'second/m')).toBe('by undefined');
    const { messages } = await caller.unary(health, {});
    expect(messages[0]?.providers.map(({ provider, activeCalls }) => [provider, activeCalls])).toEqual([
      ['test', 0],
      ['second', 1],
    ]);
    const service = 'antiphon.provider.second';
    const state = async () => (await caller.unary(Health.method.check, { service })).messages[0]?.status;
    await until('the service of the provider', async () => (await state()) === SERVING);
    const page = await stage.gateway.metrics();
    expect(page).toContain('llm_provider_up{provider="second"} 1');
    expect(page).toContain('llm_active_requests{provider="second"} 1');
    expect(page).toMatch(/^llm_requests_total\{provider="second",model="m",status="OK"\} 1$/m);
    expect(page).toContain('llm_breaker_transitions_total{provider="second",state="open"} 0');
    expect(page).not.toContain('provider="other"');

    replaceFile(stage.path, stage.text);
    await stage.hangUp();
    expect(await asked(caller, 'second/m')).toMatchObject({ code: 7 });
    await until('the service to go', async () => (await state()) === undefined);
    expect(await stage.gateway.metrics()).not.toContain('llm_provider_up{provider="second"}');
    for (const line of second.streams) line.finish();
    expect((await reply).error).toBeUndefined();
    await until('no connection to the provider that is gone', () => second.upstream.open === 0);
    expect(second.upstream.received).toHaveLength(2);
  });

  test('says what of it takes effect after a restart', async () => {
    const stage = await reloadStage();
    replaceFile(
      stage.path,
      `${stage.text.replace('drain_delay_ms: 0', 'drain_delay_ms: 9')}\ntelemetry: { log_level: warn }`,
    );
    await stage.hangUp();
    const msg = 'these parts of the configuration take effect after a restart';
    await until('the line', () => stage.told(msg).length > 0);
    expect(stage.told(msg)).toMatchObject([{ level: 'warn', parts: ['server', 'telemetry'] }]);
    replaceFile(stage.path, stage.text);
    await stage.hangUp();
    await until('both lines', () => stage.told(RELOADED).length === 2);
    expect(stage.told(msg)).toHaveLength(1);
  });
});

describe('signals together', () => {
  test('SIGHUP while the doors open is no end, and what was changed then is not missed', async () => {
    const { gateway, told } = await reloadStage({ preload: whileOpening });
    await until('the reload', () => told(RELOADED).length > 0);
    expect(told(RELOADED)).toMatchObject([{ providers: ['test', 'late'] }]);
    gateway.signal('SIGTERM');
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
  });

  test('a storm of SIGHUP breaks no call', async () => {
    const stage = await reloadStage();
    const caller = stage.client();
    const { reply } = await streaming(caller);
    const answers: unknown[] = [];
    for (let i = 0; i < 50; i++) {
      stage.gateway.signal('SIGHUP');
      answers.push(await asked(caller));
    }
    expect(new Set(answers)).toEqual(new Set([bearer(keys.old)]));
    for (const line of stage.streams) line.finish();
    expect((await reply).error).toBeUndefined();
    expect(await stage.reloads('ok')).toBeGreaterThan(0);
    await until('only the connection of the last configuration', () => stage.upstream.open <= 1);
  });

  test.each([
    ['SIGTERM', 'SIGHUP'],
    ['SIGHUP', 'SIGTERM'],
  ] as const)('%s and then %s: a reload disturbs no drain', async (first, second) => {
    const stage = await reloadStage();
    const { reply } = await streaming(stage.client());
    replaceFile(stage.keyPath, keys.next);
    stage.gateway.signal(first);
    if (first === 'SIGTERM') await until('the drain', async () => await closedTo(stage.gateway.httpPort));
    stage.gateway.signal(second);
    await until('the reload', async () => (await stage.reloads('ok')) === 1);
    for (const line of stage.streams) line.finish();
    expect((await reply).error).toBeUndefined();
    expect(await stage.gateway.exited).toEqual({ code: 0, signal: null });
    expect(stage.told(RELOADED)).toHaveLength(1);
    await until('no connection to the provider', () => stage.upstream.open === 0);
    expect(stage.upstream.received).toHaveLength(1);
  });
});

/** Changes the file and hangs up as soon as the process listens for the first time, which is before it is ready. */
const whileOpening = `
import { appendFileSync } from 'node:fs';
import { Server } from 'node:net';
const { listen } = Server.prototype;
Server.prototype.listen = function (...where) {
  Server.prototype.listen = listen;
  appendFileSync(process.env.ANTIPHON_CONFIG, '\\n  late: { base_url: http://127.0.0.1:1/v1, models: [m] }');
  process.kill(process.pid, 'SIGHUP');
  return listen.apply(this, where);
};
`;

const closedTo = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ status }) => status === 503,
    () => true,
  );
