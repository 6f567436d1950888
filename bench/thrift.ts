/*
 * What it costs to make requests fit, and to place hints for prompt caches, without doors and network. Run:
 * node bench/thrift.ts
 */
import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  MessageSchema,
  PartSchema,
  Role,
} from '../gen/antiphon/v1/completion_pb.js';
import { systemClock } from '../src/core/clock.ts';
import { fitted } from '../src/thrift/fit.ts';
import { PromptHints } from '../src/thrift/prompt-hints.ts';
import { defaultThrift } from '../src/thrift/settings.ts';

/** A conversation of so many messages and characters. */
const requestOf = (messages: number, characters: number): CompleteRequest =>
  create(CompleteRequestSchema, {
    messages: Array.from({ length: messages }, (_, i) => {
      const value = `${i} ${'a word '.repeat(characters / messages / 7)}`;
      return create(MessageSchema, {
        role: i % 2 === 0 ? Role.USER : Role.ASSISTANT,
        content: [create(PartSchema, { part: { case: 'text', value } })],
      });
    }),
  });

/** In microseconds. */
function measured(name: string, rounds: number, run: () => unknown): void {
  for (let i = 0; i < rounds / 5; i++) run();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const began = systemClock.now();
    run();
    times.push((systemClock.now() - began) * 1000);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(rounds * share)]?.toFixed(1);
  console.log(`${name}: median ${at(0.5)} us, p99 ${at(0.99)} us`);
}

const caching = {
  marks: { minTokens: 1024, ttlMs: 300_000, parts: new Set(['text'] as const) },
  key: { minTokens: 1024 },
};
const place = { tenant: 'team:a', target: { provider: 'p', model: 'm' }, caching, isCheaper: true };

for (const [messages, characters, rounds] of [
  [4, 2_000, 5_000],
  [10, 20_000, 2_000],
  [40, 200_000, 500],
  [1_000, 1_000_000, 100],
  [10_000, 4_000_000, 30],
] as const) {
  const request = requestOf(messages, characters);
  const size = `${messages} messages of ${characters} characters together`;
  const limits = { contextWindowTokens: characters / 8, maxInputTokens: undefined, maxOutputTokens: undefined };
  const roomy = { ...limits, contextWindowTokens: characters };
  measured(`fits, ${size}`, rounds, () => fitted(request, ['trim_oldest'], roomy, defaultThrift));
  measured(`half of it is left out, ${size}`, rounds, () => fitted(request, ['trim_oldest'], limits, defaultThrift));
  const hints = new PromptHints({ maxPrefixes: 10_000, secret: 'secret' }, systemClock);
  measured(`hints, ${size}`, rounds, () => hints.hinted(request, place));
}
