/*
 * What the cache costs: a key, a hit, and a hit in pieces, without doors and network. Run: node bench/cache-hit.ts
 */
import { create } from '@bufbuild/protobuf';
import {
  CallContextSchema,
  CompleteRequestSchema,
  CompleteResponseSchema,
  FinishReason,
  Role,
} from '../gen/antiphon/v1/completion_pb.js';
import { Answers } from '../src/cache/answers.ts';
import { cacheKeys } from '../src/cache/cache-key.ts';
import { noCache } from '../src/cache/settings.ts';
import { anonymous, type Call, newCall, newTrail } from '../src/core/call.ts';
import { systemClock } from '../src/core/clock.ts';
import { noSpan } from '../src/core/span.ts';
import { cache } from '../src/layers/cache.ts';

const TARGET = { provider: 'p', model: 'm' };
const settings = { ...noCache, enabled: true };
const context = create(CallContextSchema, {});
const { signal } = new AbortController();

const requestOf = (length: number) =>
  create(CompleteRequestSchema, {
    model: 'p/m',
    temperature: 0,
    messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'a word '.repeat(length / 7) } }] }],
  });

const answer = create(CompleteResponseSchema, {
  content: [{ part: { case: 'text', value: 'an answer '.repeat(200) } }],
  finishReason: FinishReason.STOP,
  usage: { inputTokens: 10n, outputTokens: 500n, totalTokens: 510n },
});

const callOf = (length: number, streams: boolean): Call => ({
  ...newCall({
    id: 'id',
    request: requestOf(length),
    caller: anonymous,
    context,
    signal,
    deadlineMs: undefined,
    receivedMs: systemClock.now(),
    span: noSpan,
    trail: newTrail(),
    sink: streams ? { emit: () => true, ready: () => Promise.resolve(), committed: false } : undefined,
  }),
  targets: [TARGET],
});

/** In microseconds. */
async function measured(name: string, rounds: number, run: () => unknown): Promise<void> {
  for (let i = 0; i < rounds / 5; i++) await run();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const began = systemClock.now();
    await run();
    times.push((systemClock.now() - began) * 1000);
  }
  times.sort((one, other) => one - other);
  const at = (share: number) => (times[Math.floor(share * (rounds - 1))] ?? 0).toFixed(1);
  process.stdout.write(`${name.padEnd(44)} p50 ${at(0.5).padStart(8)} us   p99 ${at(0.99).padStart(8)} us\n`);
}

const answers = new Answers(settings, { clock: systemClock });
const layer = cache({
  settings,
  answers,
  placeOf: () => '',
  stallMs: 1_000,
  clock: systemClock,
  tell: () => undefined,
});
const complete = layer(async (call) => {
  call.trail.target = TARGET;
  return { ...answer };
});
const bypass = { ...callOf(100, false) };
const SIZES = [
  ['200 B', 200, 20_000],
  ['20 kB', 20_000, 5_000],
  ['1 MB', 1_000_000, 200],
] as const;

for (const [name, length, rounds] of SIZES) {
  const call = callOf(length, false);
  const streaming = callOf(length, true);
  const asked = { tenant: 'key:a', target: TARGET, place: '', escalation: undefined, request: call.request };
  for (const secret of [undefined, 'a secret of some length']) {
    const keyOf = cacheKeys(secret);
    await measured(`key, request of ${name}${secret ? ', with a secret' : ''}`, rounds, () => keyOf(asked));
  }
  await measured(`hit, request of ${name}`, rounds, () => complete(call));
  await measured(`hit in pieces, request of ${name}`, rounds, () => complete(streaming));
}
bypass.request.temperature = 1;
await measured('bypass', 20_000, () => complete(bypass));
let n = 0;
await measured('miss, request of 200 B, the answer kept', 20_000, () => {
  const call = callOf(200, false);
  call.request.seed = BigInt(n++);
  return complete(call);
});
