import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child process that listens. */
export interface Listening {
  readonly process: ChildProcess;
  readonly pid: number;
  /** "host:port" by the name of the door, as the process said them. */
  readonly addresses: Readonly<Record<string, string>>;
}

export interface StartOptions {
  /** Options of Node itself. */
  readonly nodeOptions?: readonly string[];
  readonly args?: readonly string[];
  /** Set besides what this process has. */
  readonly env?: Readonly<Record<string, string>>;
}

const READY_MS = 30_000;
/** A gateway first waits for balancers to notice, then for its last spans to be sent. */
const STOP_MS = 15_000;

const children = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Starts a Node script with a channel for messages. */
export function start(script: string, { nodeOptions = [], args = [], env = {} }: StartOptions = {}): ChildProcess {
  const child = spawn(process.execPath, [...nodeOptions, script, ...args], {
    env: { ...ownEnv(), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.add(child);
  const lastWords = keepTail(child);
  child.on('exit', (code) => {
    children.delete(child);
    if (code) process.stderr.write(`${script} ended with ${code}\n${lastWords()}\n`);
  });
  return child;
}

/** What would change how the gateway or its telemetry behaves must not come from the shell. */
const SETTINGS = /^(?:ANTIPHON|LLM|OTEL)_|_(?:API_KEY|BASE_URL)$|^(?:ALLOWED_MODELS|USE_MOCK_LLM|NODE_OPTIONS)$/;

const ownEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !SETTINGS.test(name)));

const TAIL_CHARACTERS = 4_000;

/** Reads what a process says on stderr, and keeps the end of it. */
function keepTail({ stderr }: ChildProcess): () => string {
  let tail = '';
  stderr?.on('data', (bytes: Buffer) => {
    tail = (tail + bytes.toString()).slice(-TAIL_CHARACTERS);
  });
  return () => tail;
}

/** As `start`, and waits until it says on stdout that it listens. What it says later is read and forgotten. */
export async function startListening(script: string, options?: StartOptions): Promise<Listening> {
  const child = start(script, options);
  const addresses = await Promise.race([
    listeningLine(child),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${script} ended with ${code}`))),
    sleep(READY_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`${script} is not ready in time`))),
  ]);
  child.stdout?.resume();
  return { process: child, pid: child.pid ?? 0, addresses };
}

async function listeningLine(child: ChildProcess): Promise<Record<string, string>> {
  if (!child.stdout) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const said = parse(line);
    if (said?.msg === 'listening') return said;
  }
  throw new Error('stdout ended');
}

function parse(line: string): Record<string, string> | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Ends a process. With `gently` it is asked to, and has time for what it does at its end. */
export async function stop(child: ChildProcess, gently = false): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(gently ? 'SIGTERM' : 'SIGKILL');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
