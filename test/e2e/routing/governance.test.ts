import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type DoorClient, grpcClient } from '../../support/doors.ts';
import { startGateway } from '../../support/gateway.ts';
import { text, user } from '../../support/requests.ts';
import { type Script, startUpstream } from '../../support/upstream.ts';
import { breaksOff, give, isStream, later, refuses } from './answers.ts';
import { anyAsked, anyPlace, isAllowed, type Place } from './governed.ts';
import type { Asked, Reply } from './stage.ts';

/** What a provider does in turn: answers of every kind, and every kind of trouble. */
const moods: readonly Script[] = [
  (line) => give(line, { content: 'Yes.' }),
  refuses(503),
  (line) => give(line, { content: 'Yes, bu', finish: 'length' }),
  (line, n) => (isStream(line) ? breaksOff('Ye')(line, n) : void line.socket.resetAndDestroy()),
  later(12, (line) => give(line, { content: 'Well.' })),
  (line) => give(line, { content: '' }),
  refuses(429, { 'retry-after': '0' }),
  (line) => give(line, { refusal: 'No.' }),
];

/** Where the providers are. Each run has paths of its own, so that what is late of one is not taken for the next one's. */
interface Ground {
  readonly urls: Readonly<Record<string, string>>;
  readonly asked: readonly (readonly [path: string, target: string])[];
  runs: number;
}

const seen = { asked: 0, notAllowed: 0, answered: 0 };

async function expectGoverned(ground: Ground, place: Place, all: readonly Asked[]): Promise<void> {
  const run = `run-${ground.runs++}`;
  const providers = Object.fromEntries(
    Object.entries(ground.urls).map(([name, url]) => [
      name,
      { base_url: `${url}/${run}`, models: ['one', 'two', 'three'] },
    ]),
  );
  const gateway = await startGateway({
    file: JSON.stringify({ providers, probes: { enabled: false }, ...place.file }),
  });
  const client = grpcClient(gateway.grpcPort);
  try {
    await Promise.all(all.map(async (one, n) => count(await ask(client, one, n % 2 === 1))));
  } finally {
    client.close();
    await gateway.close();
  }
  const targets = ground.asked.filter(([path]) => path.includes(`/${run}/`)).map(([, target]) => target);
  seen.asked += targets.length;
  expect(targets.filter((target) => !isAllowed(place.allowed, target))).toEqual([]);
}

function ask(client: DoorClient, one: Asked, isStreamed: boolean): Promise<Reply> {
  const request = create(CompleteRequestSchema, { messages: [user(text('hello'))], ...one });
  return isStreamed
    ? client.stream(LlmService.method.streamComplete, request)
    : client.unary(LlmService.method.complete, request);
}

function count({ error }: Reply): void {
  seen.answered += Number(error === undefined);
  seen.notAllowed += Number(error?.errorInfo?.reason === 'MODEL_NOT_ALLOWED');
}

it('lets no call of any kind reach a model that is not allowed, whatever is asked and configured', async () => {
  const asked: [string, string][] = [];
  const urls: Record<string, string> = {};
  for (const name of ['a', 'b', 'c']) {
    const upstream = await startUpstream((line, n) => {
      asked.push([line.request.path, `${name}/${JSON.parse(line.request.body).model}`]);
      return moods[(n * 5 + name.charCodeAt(0)) % moods.length]?.(line, n);
    });
    onTestFinished(() => upstream.close());
    urls[name] = upstream.url;
  }
  const ground = { urls, asked, runs: 0 };
  const calls = fc.array(anyAsked, { minLength: 8, maxLength: 16 });
  await fc.assert(
    fc.asyncProperty(anyPlace, calls, (place, all) => expectGoverned(ground, place, all)),
    { numRuns: 40, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  );
  expect(seen.asked).toBeGreaterThan(150);
  expect(seen.answered).toBeGreaterThan(80);
  expect(seen.notAllowed).toBeGreaterThan(10);
}, 120_000);
