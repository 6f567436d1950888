import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { endGroup } from './commands.ts';
import type { Later } from './example.ts';

/** A tab of the browser. */
export interface Tab {
  /** The value of an expression in the page, or what its promise resolves to. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface Browser {
  /** Resolves when the page and its scripts are loaded. */
  open(url: string): Promise<Tab>;
}

const SWITCHES = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--remote-debugging-port=0',
];

/** Starts Chromium with an empty profile, and drives it by its DevTools protocol. */
export async function startBrowser(program: string, later: Later): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'antiphon-chromium-'));
  later(() => rm(profile, { recursive: true, maxRetries: 10 }));
  const child = spawn(program, [...SWITCHES, `--user-data-dir=${profile}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  later(() => endGroup(child));
  const { send, next } = await connect(await lineOf(child.stderr, /^DevTools listening on (ws:\S+)$/));
  return {
    async open(url) {
      const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      await send('Page.enable', {}, sessionId);
      const loaded = next('Page.loadEventFired', sessionId);
      await send('Page.navigate', { url }, sessionId);
      await loaded;
      return {
        async evaluate(expression) {
          const how = { expression, awaitPromise: true, returnByValue: true };
          const { result, exceptionDetails } = await send('Runtime.evaluate', how, sessionId);
          if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
          return result.value;
        },
        close: () => send('Target.closeTarget', { targetId }),
      };
    },
  };
}

/** What a pattern finds in the first line that matches. Goes on reading afterwards, so that the writer is never held up. */
export async function lineOf(stream: Readable, pattern: RegExp): Promise<string> {
  const lines = createInterface({ input: stream });
  const found = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const [whole, part = whole] = pattern.exec(line) ?? [];
      if (part !== undefined) resolve(part);
    });
  });
  const closed = once(lines, 'close').then(() => {
    throw new Error(`ended without a line like ${pattern}`);
  });
  return Promise.race([found, closed]);
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  // biome-ignore lint/suspicious/noExplicitAny: each method has a result of its own.
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/** Speaks the protocol over one WebSocket: `send` gives a method's result, `next` the next event of a name. */
async function connect(address: string) {
  const socket = new WebSocket(address);
  const listeners = new Set<(message: Message) => void>();
  socket.addEventListener('message', ({ data }) => {
    const message: Message = JSON.parse(data);
    for (const listener of listeners) listener(message);
  });
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const first = (matches: (message: Message) => boolean) =>
    new Promise<Message>((resolve) => {
      listeners.add(function listener(message) {
        if (!matches(message)) return;
        listeners.delete(listener);
        resolve(message);
      });
    });
  let ids = 0;
  return {
    async send(method: string, params: object, sessionId?: string) {
      const id = ++ids;
      const answer = first((message) => message.id === id);
      socket.send(JSON.stringify({ id, method, params, sessionId }));
      const { result, error } = await answer;
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    },
    next: (method: string, sessionId: string) =>
      first((message) => message.method === method && message.sessionId === sessionId),
  };
}
