// Packs the project, installs the tarball into an empty folder as a user would, starts it and calls it.
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

try {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], '.'));
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
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
    process.stdout.write(`${filename} installs, starts and answers.\n`);
  } finally {
    child.kill('SIGTERM');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
