import { create } from '@bufbuild/protobuf';
import {
  CallContextSchema,
  CompleteResponseSchema,
  StartSchema,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { HealthResponseSchema, HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { ListModelsResponseSchema } from '#gen/antiphon/v1/model_pb.js';
import { anonymous } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import { textDelta } from '../../src/core/events.ts';
import { redactor } from '../../src/core/redact.ts';
import type { Span, SpanValue } from '../../src/core/span.ts';
import type { TracedCall, Tracing } from '../../src/core/tracing.ts';
import { type Servers, type ServersPlan, startServers } from '../../src/servers/servers.ts';
import type { DoorSettings } from '../../src/servers/settings.ts';
import type { Inbound, LlmService } from '../../src/services/service.ts';

/** A span that keeps what it is told. */
export interface SeenSpan extends Span {
  readonly attributes: Record<string, SpanValue | undefined>;
  failedAs: string | undefined;
  ended: number;
}

export interface SeenTracing extends Tracing {
  readonly calls: TracedCall[];
  readonly spans: SeenSpan[];
}

export function seenTracing(): SeenTracing {
  const calls: TracedCall[] = [];
  const spans: SeenSpan[] = [];
  return {
    calls,
    spans,
    open(call) {
      calls.push(call);
      const span = seenSpan();
      spans.push(span);
      const pick = (field: string | undefined, header: string, made: string) => field || call.header(header) || made;
      const context = create(CallContextSchema, {
        traceId: pick(call.fields?.traceId, 'x-trace-id', 'trace-made'),
        sourceAgent: pick(call.fields?.sourceAgent, 'x-source-agent', ''),
        sessionId: pick(call.fields?.sessionId, 'x-session-id', 'session-made'),
      });
      return { context, span };
    },
  };
}

function seenSpan(): SeenSpan {
  return {
    attributes: {},
    failedAs: undefined,
    ended: 0,
    traceparent: undefined,
    isRecorded: true,
    child: seenSpan,
    rename: () => undefined,
    set(attributes) {
      Object.assign(this.attributes, attributes);
    },
    fail(errorType) {
      this.failedAs = errorType;
    },
    end() {
      this.ended++;
    },
  };
}

export const answer = (text = 'hello back') =>
  create(CompleteResponseSchema, { id: 'answer-1', content: [{ part: { case: 'text', value: text } }] });

export const message = (sequence: number, event: StreamCompleteResponse['event']) =>
  create(StreamCompleteResponseSchema, { sequence: BigInt(sequence), event });

export const start = () => message(0, { case: 'start', value: create(StartSchema, { id: 'answer-1' }) });

export const delta = (sequence: number, text: string) => message(sequence, textDelta(text));

export const completed = (sequence: number) =>
  message(sequence, { case: 'completed', value: create(CompleteResponseSchema, { id: 'answer-1' }) });

/** Resolves when the signal aborts, with its reason. */
export const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

/** Never answers; rejects with the reason when the call's signal aborts. */
export const hang = async ({ signal }: Inbound): Promise<never> => {
  throw await aborted(signal);
};

/** Answers everything at once; single methods can be replaced. */
export function scripted(overrides: Partial<LlmService> = {}): LlmService {
  return {
    complete: async () => answer(),
    async streamComplete(_request, _inbound, out) {
      for (const each of [start(), delta(1, 'hello '), delta(2, 'back'), completed(3)]) {
        if (!out.write(each)) await out.drained();
      }
    },
    listModels: async () => create(ListModelsResponseSchema, { models: [{ id: 'echo', provider: 'mock' }] }),
    refuse: () => undefined,
    health: async () => create(HealthResponseSchema, { status: HealthStatus.SERVING, version: '1.2.3' }),
    ...overrides,
  };
}

export const settings: DoorSettings = {
  host: '127.0.0.1',
  grpcPort: 0,
  httpPort: 0,
  maxMessageBytes: 1024 * 1024,
  maxConcurrentStreams: 100,
  keepaliveTimeMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: undefined,
  maxConnectionAgeGraceMs: 1_000,
  corsOrigins: ['https://app.example'],
  reflection: true,
  drainDelayMs: 0,
  drainGraceMs: 10_000,
};

export interface LoggedError {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface TestDoors extends Servers {
  readonly tracing: SeenTracing;
  readonly logged: LoggedError[];
}

export const SECRET = 'sk-canary-0123456789';

/** Real servers on free ports, over a scripted service. */
export async function openDoors(
  service: LlmService = scripted(),
  config: Partial<DoorSettings> = {},
  tools: Partial<ServersPlan> = {},
): Promise<TestDoors> {
  const tracing = seenTracing();
  const logged: LoggedError[] = [];
  let ids = 0;
  const servers = await startServers({
    config: { ...settings, ...config },
    service,
    tracing,
    redact: redactor([SECRET]),
    access: { authenticate: () => anonymous },
    log: { error: (fields, text) => logged.push({ fields, message: text }) },
    clock: systemClock,
    newId: () => `call-${++ids}`,
    ...tools,
  });
  return Object.assign(servers, { tracing, logged });
}
