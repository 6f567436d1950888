import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { seeded } from '../routing/routes.ts';
import { helloRequest } from '../support/calls.ts';
import { callLines, scene, until, wayNames } from '../support/scene.ts';
import { chatBody, type Line } from '../support/upstream.ts';

/** The same again: CANCELLATION_SEED=... */
const seed = Number(process.env.CANCELLATION_SEED ?? Date.now() % 2 ** 31);

const { complete, streamComplete } = LlmService.method;
const ROUNDS = 25;
const CALLS = 12;
const LASTS_MS = 30;

/** A provider that takes its time, or all the time there is. */
const slowly = async (line: Line, forEver: boolean): Promise<void> => {
  await delay(LASTS_MS / 2);
  if (forEver) return;
  if (line.request.headers.accept !== 'text/event-stream') {
    await delay(LASTS_MS / 2);
    line.json(200, chatBody('all of it'), { connection: 'close' });
    line.socket.end();
    return;
  }
  line.startStream();
  for (const word of ['all', ' of', ' it']) {
    line.text(word);
    await delay(LASTS_MS / 6);
  }
  line.finish();
  line.socket.end();
};

test('callers that leave a shared answer leave nothing, and take nothing from those who stay', async () => {
  let stays = -1;
  // Where nobody stays, only the callers can end it.
  const stage = await scene((line) => slowly(line, stays < 0), {
    file: JSON.stringify({ telemetry: { log_level: 'info' }, cache: { enabled: true } }),
  });
  const chance = seeded(seed);
  const clients = wayNames.map((way) => stage.client(way));
  for (let round = 0; round < ROUNDS; round++) {
    stays = chance() < 0.6 ? Math.floor(chance() * CALLS) : -1;
    const request = create(CompleteRequestSchema, {
      ...helloRequest('test/test-model'),
      temperature: 0,
      // Another key in each round, so that it begins with a provider.
      seed: BigInt(round),
    });
    const calls = Array.from({ length: CALLS }, async (_, i) => {
      const abort = new AbortController();
      const client = clients[Math.floor(chance() * clients.length)] ?? expect.fail('no client');
      const streams = chance() < 0.5;
      const [beginsMs, leavesMs] = [chance() * LASTS_MS, chance() * LASTS_MS];
      await delay(beginsMs);
      const options = { signal: abort.signal };
      const reply = streams
        ? client.stream(streamComplete, request, options)
        : client.unary(complete, request, options);
      if (i !== stays) void delay(leavesMs).then(() => abort.abort());
      const { error } = await reply;
      if (i === stays) expect(error, `CANCELLATION_SEED=${seed}, round ${round}`).toBeUndefined();
    });
    await Promise.all(calls);
    await stage.quiet();
  }
  // One that leaves before it is heard has no line.
  expect(callLines(stage.gateway).length).toBeLessThanOrEqual(ROUNDS * CALLS);
  // A try that is broken off at once may not be heard.
  const tries = () => callLines(stage.gateway).reduce((sum, { attempts }) => sum + Number(attempts), 0);
  await until('the record of every try', () => tries() >= stage.upstream.received.length);
  expect(tries()).toBeLessThan(ROUNDS * CALLS);
});
