import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { seeded } from '../routing/routes.ts';
import { helloRequest } from '../support/calls.ts';
import { scene, until, type WayName } from '../support/scene.ts';
import { chatBody, type Script, startUpstream } from '../support/upstream.ts';
import { type Kind, type Moment, undisturbed } from './cancellation-caller.ts';
import type { Leaving } from './cancellation-checks.ts';
import { type Departed, figures, withinMs } from './cancellation-figures.ts';
import { atRest, leaveIn } from './cancellation-moment.ts';
import { situations } from './cancellation-situations.ts';
import { openStage } from './cancellation-stage.ts';

/** The same again: CANCELLATION_SEED=... */
const seed = Number(process.env.CANCELLATION_SEED ?? Date.now() % 2 ** 31);

/** How many moments there are of each situation and kind of call. */
const MOMENTS: Readonly<Record<Leaving, number>> = { cancel: 11, deadline: 2, reset: 2, hangUp: 1 };

const WAYS: readonly WayName[] = ['gRPC', 'gRPC', 'gRPC', 'Connect over HTTP/1.1', 'Connect over HTTP/2'];

const table = situations.flatMap((situation) =>
  (['unary', 'stream'] as const).map((kind) => ({ name: situation.name, kind, situation })),
);

function momentsOf(kind: Kind, lastsMs: number, chance: () => number): Moment[] {
  return (Object.keys(MOMENTS) as Leaving[]).flatMap((how) =>
    Array.from({ length: MOMENTS[how] }, () => ({
      kind,
      how,
      way: WAYS[Math.floor(chance() * WAYS.length)] ?? 'gRPC',
      atMs: chance() * lastsMs,
      hasTime: chance() < 0.5,
      isSlow: chance() < 0.5,
    })),
  );
}

describe('a caller that leaves', () => {
  const departed: Departed[] = [];
  let over = 0;

  afterAll(() => {
    process.stdout.write(`${figures(departed)}over before: ${over}; CANCELLATION_SEED=${seed}\n`);
  });

  test.each(table)('leaves nothing: $name, $kind', async ({ situation, kind }) => {
    const chance = seeded(seed + table.findIndex((row) => row.situation === situation && row.kind === kind));
    const stage = await openStage();
    await stage.health();
    const rest = stage.open;
    const before = await undisturbed(stage, situation, kind);
    await atRest(stage, rest);
    for (const moment of momentsOf(kind, before.lastsMs, chance)) {
      try {
        const tookMs = await leaveIn(stage, situation, moment, before);
        if (tookMs === undefined) over++;
        else departed.push({ situation: situation.name, how: moment.how, tookMs });
        await atRest(stage, rest);
      } catch (error) {
        throw new Error(`CANCELLATION_SEED=${seed}: ${JSON.stringify(moment)}`, { cause: error });
      }
    }
    // As good as new: the same course again, with the one turn and the one permission for a further try that there are.
    const after = await undisturbed(stage, situation, kind);
    expect({ ...after, lastsMs: 0 }).toEqual({ ...before, lastsMs: 0 });
  });

  test('does so at 200 moments and more, and nearly always within 50 ms', () => {
    expect(departed.filter(({ how }) => how === 'cancel').length).toBeGreaterThanOrEqual(200);
    expect(withinMs(departed, 0.9)).toBeLessThan(50);
  });
});

const { complete, streamComplete } = LlmService.method;

test('a caller that leaves gives back the only pass of a breaker that is half open', async () => {
  let play: Script = (line) => line.json(500, {});
  let asked = 0;
  const spare = await startUpstream((line) => line.json(200, chatBody('spare')));
  onTestFinished(() => spare.close());
  const file = {
    breaker: { consecutive_failures: 1, open_ms: 1, max_open_ms: 1, probes: 1 },
    providers: { spare: { kind: 'openai_compatible', base_url: spare.url } },
  };
  const stage = await scene(
    (line, n) => {
      asked++;
      return play(line, n);
    },
    { env: { ALLOWED_MODELS: '*' }, file: JSON.stringify(file) },
  );
  const client = stage.client('gRPC');
  const request = create(CompleteRequestSchema, { ...helloRequest('test/test-model'), fallbackModels: ['spare/m'] });
  const answeredBy = async () => (await client.unary(complete, request)).messages[0]?.provider;
  expect(await answeredBy()).toBe('spare');
  play = () => undefined;
  for (let nth = 2; nth < 8; nth++) {
    await delay(2);
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const reply =
      nth % 2 === 0 ? client.unary(complete, request, options) : client.stream(streamComplete, request, options);
    await until('the provider to be asked', () => asked === nth);
    abort.abort();
    expect((await reply).error).toMatchObject({ code: 1 });
    await stage.quiet();
  }
  play = (line) => line.json(200, chatBody('back'));
  expect(await answeredBy()).toBe('test');
});
