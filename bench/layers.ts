/*
 * What a call costs in the gateway itself: all layers around the mock, without doors, network, spans and the log. Unlike
 * `npm run bench` it needs one processor alone. Run: node bench/layers.ts [--stream] [nothing|quotas|cache|all]
 */
import { execFileSync } from 'node:child_process';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CallContextSchema, CompleteRequestSchema, Role } from '../gen/antiphon/v1/completion_pb.js';
import { loadConfig } from '../src/config/load.ts';
import { anonymous, type Caller } from '../src/core/call.ts';
import { systemClock } from '../src/core/clock.ts';
import { noSpan } from '../src/core/span.ts';
import { openLasting } from '../src/lasting.ts';
import { llmService } from '../src/services/llm.ts';
import type { Inbound } from '../src/services/service.ts';
import { type Serving, serving } from '../src/serving.ts';
import { createLog } from '../src/telemetry/log.ts';
import { BENCH_FILE } from './tenancy.ts';

const streams = process.argv.includes('--stream');
const AT_ONCE = 32;
const ROUNDS = 25;
const CALLS = streams ? 150 : 4_000;
const WARM_UP = streams ? 600 : 30_000;

const BASE = 'mock: { use: true }\nserver: { metrics_port: 0 }\n';

/** By the name of what is on. */
const files: Readonly<Record<string, string>> = {
  nothing: '',
  quotas: BENCH_FILE.access + BENCH_FILE.quotas,
  cache: BENCH_FILE.cache,
  all: Object.values(BENCH_FILE).join(''),
};

type Request = MessageInitShape<typeof CompleteRequestSchema>;

const question = 'The quick brown fox jumps over the lazy dog. '.repeat(5);
const reply = 'word '.repeat(500);
let asked = 0;

/** No two are the same. */
const requestOf = (): Request => ({
  model: 'mock/echo',
  messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: `${question}${asked++}` } }] }],
  labels: { project: 'p' },
  temperature: 0.5,
  maxTokens: streams ? 10_000 : 50,
  ...(streams ? { providerOptions: { mock: { reply } } } : {}),
});

const inboundOf = (caller: Caller): Inbound => ({
  id: `call-${asked}`,
  caller,
  context: create(CallContextSchema, { traceId: 'a'.repeat(32), sourceAgent: 'bench', sessionId: 'session' }),
  signal: new AbortController().signal,
  deadlineMs: systemClock.now() + 60_000,
  receivedMs: systemClock.now(),
  span: noSpan,
});

const out = { write: () => true, drained: () => Promise.resolve() };

/** Makes what asks once, with this configuration. */
async function opened(file: string): Promise<() => Promise<unknown>> {
  const config = loadConfig({ ANTIPHON_CONFIG: 'bench.yaml' }, () => Buffer.from(`${BASE}${file}`));
  const stream = { write: () => true };
  const redact = (text: string) => text;
  const log = createLog({ service: 'bench', version: '0', level: 'error', redact, clock: systemClock, stream });
  const made: { serving?: Serving } = {};
  const options = { clock: systemClock, redact, memoryShare: () => 0, serving: () => made.serving };
  const { lasting } = await openLasting(config, log, options);
  made.serving = serving(config, lasting);
  const { complete, models } = made.serving;
  const service = llmService({ complete, models, health: never, refused: never, clock: systemClock });
  const caller: Caller = file.includes('access:')
    ? { ...anonymous, name: 'bench', team: 'bench', isAnonymous: false }
    : anonymous;
  return () => {
    const request = create(CompleteRequestSchema, requestOf());
    return streams
      ? service.streamComplete(request, inboundOf(caller), out)
      : service.complete(request, inboundOf(caller));
  };
}

function never(): never {
  throw new Error('nothing asks for it');
}

async function run(ask: () => Promise<unknown>, calls: number): Promise<void> {
  let left = calls;
  const asking = async () => {
    while (left-- > 0) await ask();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, asking));
}

/** The least of the rounds, since all that disturbs only adds: CPU microseconds a call. */
async function measured(ask: () => Promise<unknown>): Promise<number> {
  await run(ask, WARM_UP);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await run(ask, CALLS);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / CALLS);
  }
  return Math.min(...rounds);
}

const given = process.argv.slice(2);
const wanted = Object.keys(files).find((name) => given.includes(name));
if (wanted === undefined) {
  // Each in a process of its own: what one has made of the code would be the next one's.
  for (const name of Object.keys(files))
    execFileSync(process.execPath, [import.meta.filename, ...given, name], { stdio: 'inherit' });
} else {
  const used = await measured(await opened(files[wanted] ?? ''));
  process.stdout.write(`${wanted.padEnd(8)} ${used.toFixed(1)} CPU µs a ${streams ? 'stream' : 'call'}\n`);
}
process.exit(0);
