import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminService } from '#gen/antiphon/v1/admin_service_pb.js';
import { methodRules } from '../../src/services/admin/method-rules.ts';
import type { AdminMethod } from '../../src/services/admin-service.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const documentation = readFileSync('docs/operations.md', 'utf8');

const methods = Object.keys(AdminService.method) as AdminMethod[];

const KEY = 'ant_canary-of-an-admin-0000001';

/** The lines that can be copied, with the method that each calls. */
const lines = [...documentation.matchAll(/^(?:buf curl|curl) .*\$ADMIN\/(\w+)$/gm)].map(
  ([line, method = '']) => [method, line] as const,
);

describe('docs/operations.md', () => {
  it.each(methods)('tells of %s, and who may call it', (name) => {
    const { name: method } = AdminService.method[name];
    const star = methodRules[name].right === 'administer' ? ' \\*' : '';
    expect(documentation).toMatch(new RegExp(`^### ${method}${star}$`, 'm'));
    expect(lines.map(([called]) => called)).toContain(method);
  });

  it('tells of no other', () => {
    const known = methods.map((name) => AdminService.method[name].name);
    expect(lines.map(([called]) => called).filter((called) => !known.includes(called))).toEqual([]);
  });
});

describe('every line of docs/operations.md', () => {
  let gateway: TestGateway;
  let upstream: Upstream;
  let folder: string;

  beforeAll(async () => {
    upstream = await startUpstream((line) => line.json(200, { object: 'list', data: [] }));
    const file = { providers: { openai: { base_url: upstream.url } } };
    gateway = await startGateway({
      file: JSON.stringify(file),
      env: { LLM_ADMIN_API_KEY: KEY, OPENAI_API_KEY: 'sk-canary' },
    });
    folder = mkdtempSync(join(tmpdir(), 'operations-'));
    writeFileSync(join(folder, 'admin.headers'), `authorization: Bearer ${KEY}\n`);
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
    rmSync(folder, { recursive: true });
  });

  const run = async (line: string) => {
    const env = {
      ...process.env,
      PATH: [resolve('node_modules/.bin'), process.env.PATH].join(delimiter),
      ADMIN: `http://127.0.0.1:${gateway.httpPort}/antiphon.v1.AdminService`,
    };
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: folder, env, timeout: 20_000 });
    return JSON.parse(stdout || '{}');
  };

  it.each(lines)('%s: %s', async (_, line) => {
    const answer = await run(line);
    expect(answer.code).toBeUndefined();
    expect(JSON.stringify(answer)).not.toContain('canary');
  });

  it.each(lines.filter(([, line]) => line.startsWith('buf')))('%s without reflection', async (_, line) => {
    // What is made has another name than the first time.
    const again = line.replace("--reflect-header '*'", `--schema ${resolve('proto')}`).replace('billing', 'search');
    const answer = await run(again);
    expect(answer.code).toBeUndefined();
  });
});
