// Packs the project, installs the tarball into an empty folder as a user would, starts it, and calls it: by HTTP, and by
// the client in the package, whose types are checked on the way.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const folder = mkdtempSync(join(tmpdir(), 'antiphon-package-'));
const run = (command: string, args: string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** Resolves with the addresses of the line that says "listening". */
async function listening(output: NodeJS.ReadableStream): Promise<{ http: string }> {
  for await (const line of createInterface({ input: output })) {
    const fields = JSON.parse(line);
    if (fields.msg === 'listening') return fields;
  }
  throw new Error('the gateway stopped before it listened');
}

/** What a user of the client writes. */
const caller = `
import { AntiphonError, createClient, textOf, user } from 'antiphon/client';
import { BrokenStreamPolicy, type CompleteResponse } from 'antiphon/gen/antiphon/v1/completion_pb.js';

const expect = (what: string, is: boolean) => {
  if (!is) throw new Error('the client in the package: ' + what);
};
const client = createClient({ baseUrl: process.argv[2] ?? '', sourceAgent: 'check-package' });
const messages = [user('hello')];
const response: CompleteResponse = await client.complete({ messages });
expect('complete', textOf(response).includes('hello') && response.context?.sourceAgent === 'check-package');
const stream = client.stream({ messages, onBrokenStream: BrokenStreamPolicy.RESTART });
let text = '';
for await (const piece of stream.text()) text += piece;
expect('stream', text === textOf(await stream.final()) && text === textOf(response));
expect('listModels', (await client.listModels({ allowedOnly: true })).some(({ provider }) => provider === 'mock'));
expect('health', (await client.health()).version !== '');
const error: unknown = await client.complete({ messages: [] }).catch((thrown: unknown) => thrown);
expect('errors', error instanceof AntiphonError && error.fieldViolations[0]?.field === 'messages');
`;

/** As in a project for Node, whose types lack one that those of Connect name, and as in one that is bundled for browsers. */
const projects = [
  ['--module', 'nodenext', '--lib', 'es2024', '--types', 'node', '--skipLibCheck'],
  ['--module', 'preserve', '--moduleResolution', 'bundler', '--lib', 'es2024,dom,dom.asynciterable', '--types', 'node'],
];

/** Checks the types of the client in the package, and calls a gateway with it. */
function useClient(node: string, http: string): void {
  writeFileSync(join(folder, 'caller.ts'), caller);
  const typeRoots = resolve('node_modules/@types');
  for (const project of projects) {
    const settings = ['--noEmit', '--strict', '--target', 'es2024', '--typeRoots', typeRoots, ...project];
    run(resolve('node_modules/.bin/tsc'), [...settings, 'caller.ts'], folder);
  }
  run(node, ['caller.ts', `http://${http}`], folder);
}

try {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], '.'));
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)], folder);
  const env = { ...process.env, ANTIPHON_GRPC_PORT: '0', ANTIPHON_HTTP_PORT: '0', ANTIPHON_METRICS_PORT: '0' };
  const node = resolve('node_modules/.bin/node');
  const cli = join(folder, 'node_modules/.bin/antiphon');
  const child = spawn(node, [cli, 'serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const { http } = await listening(child.stdout);
    const reply = await fetch(`http://${http}/antiphon.v1.LlmService/Complete`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'ROLE_USER', content: [{ text: 'hello' }] }] }),
    });
    const body = (await reply.json()) as { provider?: string };
    if (reply.status !== 200 || body.provider !== 'mock') throw new Error(`unexpected answer: ${reply.status}`);
    useClient(node, http);
    process.stdout.write(`${filename} installs, starts and answers, also its own client.\n`);
  } finally {
    child.kill('SIGTERM');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
