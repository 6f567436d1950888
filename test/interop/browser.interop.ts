import { spawn } from 'node:child_process';
import { afterAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { providerAt } from '../support/gateway.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { chatBody, type Line, startUpstream } from '../support/upstream.ts';
import { endGroup, needs } from './commands.ts';
import { type Browser, lineOf, startBrowser, type Tab } from './devtools.ts';
import { type Later, prepareExample } from './example.ts';

const ends: (() => Promise<void>)[] = [];
const later: Later = (end) => ends.push(end);
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

interface Scenery {
  readonly browser: Browser;
  /** The origin of the example's page. */
  readonly origin: string;
}

let scenery: Promise<Scenery> | undefined;

/** The browser and the server of the example's page, for all tests of this file. */
async function sceneryFor(context: TestContext): Promise<Scenery> {
  needs(context, 'npm');
  const program = needs(context, 'chromium', 'chromium-browser', 'google-chrome');
  scenery ??= raise(program);
  return scenery;
}

async function raise(program: string): Promise<Scenery> {
  const { folder, start } = await prepareExample('browser', later);
  const env = { ...process.env, PORT: '0' };
  const server = spawn('sh', ['-e', '-c', start], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  later(() => endGroup(server));
  const origin = await lineOf(server.stdout, /^http:\S+$/);
  return { origin, browser: await startBrowser(program, later) };
}

/** What the provider does: answers, streams, or, if asked to wait, stops after a word. */
function provider(lines: Line[]) {
  return (line: Line) => {
    lines.push(line);
    const { stream, messages } = JSON.parse(line.request.body);
    if (!stream) return line.json(200, chatBody('Good day.'));
    line.startStream();
    line.text('one ');
    if (JSON.stringify(messages).includes('wait')) return;
    line.text('two');
    line.finish();
  };
}

interface Stage {
  readonly tab: Tab;
  readonly gateway: GatewayProcess;
  /** The requests that came to the provider. */
  readonly lines: readonly Line[];
}

/** The page in a tab, before a gateway that lets pages of this origin call, before a provider. */
async function stageOf({ browser, origin }: Scenery, protocol: string, allowed = origin): Promise<Stage> {
  const lines: Line[] = [];
  const upstream = await startUpstream(provider(lines));
  onTestFinished(() => upstream.close());
  const settings = { ALLOWED_MODELS: 'test/test-model', ANTIPHON_CORS_ORIGINS: allowed };
  const gateway = await spawnGateway({ env: { ...providerAt(upstream.url), ...settings } });
  const parameters = new URLSearchParams({ protocol, gateway: `http://127.0.0.1:${gateway.httpPort}` });
  return { tab: await browser.open(`${origin}/?${parameters}`), gateway, lines };
}

const press = ({ tab }: Stage, button: string): Promise<unknown> =>
  tab.evaluate(`document.querySelector('[name=${button}]').click()`);

const write = ({ tab }: Stage, field: string, value: string): Promise<unknown> =>
  tab.evaluate(`document.querySelector('[name=${field}]').value = ${JSON.stringify(value)}`);

/** Resolves with the text of an element as soon as there is one. */
const shown = ({ tab }: Stage, id: string): Promise<unknown> =>
  tab.evaluate(`new Promise((resolve) => {
    const element = document.getElementById('${id}');
    const look = () => element.textContent && resolve(element.textContent);
    new MutationObserver(look).observe(element, { childList: true, characterData: true, subtree: true });
    look();
  })`);

/** The request to the provider was ended, and not since the time for it was up. */
async function ended({ gateway, lines }: Stage): Promise<void> {
  await lines[0]?.closed;
  const logged = () => gateway.lines().filter(({ msg }) => msg === 'call');
  await expect.poll(logged, { timeout: 20_000 }).toEqual([expect.objectContaining({ error_reason: 'CANCELLED' })]);
}

const OWN_CONTEXT = /^context: browser-example session-1 [0-9a-f]{32}$/;

describe.for(['connect', 'grpc-web'])('a page that speaks %s', { timeout: 180_000 }, (protocol) => {
  test('completes', async (context) => {
    const stage = await stageOf(await sceneryFor(context), protocol);
    await press(stage, 'complete');
    expect(await shown(stage, 'outcome')).toMatch(OWN_CONTEXT);
    expect(await shown(stage, 'answer')).toBe('Good day.');
  });

  test('streams', async (context) => {
    const stage = await stageOf(await sceneryFor(context), protocol);
    await press(stage, 'stream');
    expect(await shown(stage, 'outcome')).toMatch(OWN_CONTEXT);
    expect(await shown(stage, 'answer')).toBe('one two');
  });

  test.for(['complete', 'stream'])('is told why it is refused: %s', async (button, context) => {
    const stage = await stageOf(await sceneryFor(context), protocol);
    await write(stage, 'model', 'no-such-model');
    await press(stage, button);
    expect(await shown(stage, 'outcome')).toBe('refused: PermissionDenied MODEL_NOT_ALLOWED');
    expect(stage.lines).toHaveLength(0);
  });

  test('ends the request to the provider when it cancels', async (context) => {
    const stage = await stageOf(await sceneryFor(context), protocol);
    await write(stage, 'text', 'wait');
    await press(stage, 'stream');
    expect(await shown(stage, 'answer')).toBe('one ');
    expect(stage.lines).toHaveLength(1);
    await press(stage, 'cancel');
    expect(await shown(stage, 'outcome')).toBe('refused: Canceled ');
    await ended(stage);
  });

  test('ends the request to the provider when its tab is closed', async (context) => {
    const stage = await stageOf(await sceneryFor(context), protocol);
    await write(stage, 'text', 'wait');
    await press(stage, 'stream');
    expect(await shown(stage, 'answer')).toBe('one ');
    expect(stage.lines).toHaveLength(1);
    await stage.tab.close();
    await ended(stage);
  });

  test('may not call from another origin', async (context) => {
    const stage = await stageOf(await sceneryFor(context), protocol, 'http://elsewhere.example');
    await press(stage, 'complete');
    expect(await shown(stage, 'outcome')).toMatch(/^refused: /);
    expect(stage.lines).toHaveLength(0);
  });
});
