import { afterEach, expect, it } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { helloRequest } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { chatBody, startUpstream } from '../support/upstream.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const TURNS = 4;
const NOISE = 200;

const secretOf = (name: string) => `ant_${name}_0123456789abcdef`;

it('row 92: a team that floods the gateway does not keep another from its turn', { timeout: 60_000 }, async () => {
  /** Whose request each one was that the provider got, in order. */
  const served: string[] = [];
  const upstream = await startUpstream((line) => {
    served.push(line.request.body.includes('quiet') ? 'quiet' : 'noisy');
    setTimeout(() => line.json(200, chatBody('Hello')), 5);
  });
  open.push(upstream);
  const keys = ['noisy', 'quiet'].map(
    (name) => `    - { name: ${name}, team: ${name}, hash: "sha256:${digestOf(secretOf(name))}" }`,
  );
  const file = [
    'providers:',
    `  there: { kind: openai_compatible, base_url: "${upstream.url}", models: [m], max_concurrency: ${TURNS} }`,
    'models: { allowed: ["*"] }',
    'access:',
    '  teams: { noisy: {}, quiet: {} }',
    '  keys:',
    ...keys,
  ].join('\n');
  const gateway = await startGateway({ file });
  open.push(gateway);
  const client = grpcClient(gateway.grpcPort);
  open.push(client);
  const call = (name: string) =>
    client.unary(
      LlmService.method.complete,
      { ...helloRequest('there/m'), stop: [name] },
      { headers: { authorization: `Bearer ${secretOf(name)}` }, timeoutMs: 60_000 },
    );
  const noise = Array.from({ length: NOISE }, () => call('noisy'));
  while (served.length < TURNS) await new Promise((resolve) => setTimeout(resolve, 1));
  for (let i = 0; i < 10; i++) {
    const before = served.length;
    expect((await call('quiet')).error).toBeUndefined();
    // Those that were under way, and those that got a turn while the call was on its way to the line.
    const noisy = served.slice(before, served.lastIndexOf('quiet'));
    expect(noisy.length).toBeLessThanOrEqual(3 * TURNS);
  }
  expect(served.length).toBeLessThan(NOISE);
  for (const { error } of await Promise.all(noise)) expect(error).toBeUndefined();
});
