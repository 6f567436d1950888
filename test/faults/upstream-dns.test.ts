import dns from 'node:dns';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { until } from '../support/scene.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { answer, HOWS, type SceneOptions, setScene, textOf } from './upstream-scene.ts';

/** The only name that may be reached without TLS. */
const HOST = 'localhost';

type Answer = (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void;

/** What the system says of the provider's name. Each question is given to `script`, with its number from 0. */
function system(script: (answer: Answer, n: number) => void): { readonly questions: number } {
  const lookup = dns.lookup;
  const asked = { questions: 0 };
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: object, done: Answer) => {
    if (host === HOST) script(done, asked.questions++);
    else (lookup as (...all: unknown[]) => void)(host, options, done);
  }) as never);
  onTestFinished(() => spy.mockRestore());
  return asked;
}

/** As the system's own errors, it was made nowhere in JavaScript. */
const failing = (code: string) => Object.assign(new Error(`getaddrinfo ${code} ${HOST}`), { code, stack: '' });
const found: Parameters<Answer>[1] = [{ address: '127.0.0.1', family: 4 }];

const byName: SceneOptions = { url: ({ port }) => `http://${HOST}:${port}/v1` };

describe('the name of a provider', () => {
  it.each(['ENOTFOUND', 'EAI_AGAIN'])('row 23: without an address (%s)', async (code) => {
    system((done) => done(failing(code), []));
    const scene = await setScene((line) => answer(line), byName);
    for (const how of HOWS) await expectFailure(scene, how, { reason: 'UPSTREAM_UNREACHABLE', requests: 0 });
    expect(scene.gateway.logText()).toContain(code);
  });

  it.each(HOWS)('row 23: whose address does not come is waited for as for a connection, %s', async (how) => {
    const asked = system(() => undefined);
    const scene = await setScene((line) => answer(line), { ...byName, timeouts: { connect_ms: 150 } });
    await expectFailure(scene, how, { reason: 'UPSTREAM_TIMEOUT', requests: 0 });
    expect(asked.questions).toBe(1);
  });

  it('row 23: may be found after all', async () => {
    system((done, n) => (n < 2 ? done(failing('EAI_AGAIN'), []) : done(null, found)));
    const scene = await setScene((line) => answer(line), byName);
    for (const how of HOWS) await expectFailure(scene, how, { reason: 'UPSTREAM_UNREACHABLE', requests: 0 });
    await expectRecovery(scene, 'unary');
  });

  it('row 23: is looked up once for a connection, not for each request', async () => {
    const asked = system((done) => done(null, found));
    const scene = await setScene((line) => answer(line), byName);
    for (let n = 0; n < 5; n++) expect(textOf((await scene.ask('unary')).messages)).toBe('South.');
    expect(asked.questions).toBe(1);
  });

  it('row 23: with several addresses is reached at any of them', async () => {
    // Nothing listens at the first, which is not even this machine's usual one.
    const several = [{ address: '127.0.0.99', family: 4 }, ...found];
    system((done) => done(null, several));
    const scene = await setScene((line) => answer(line), byName);
    for (const how of HOWS) expect(textOf((await scene.ask(how)).messages)).toBe('South.');
    await until('requests', () => scene.upstream.received.length === 2);
  });
});
