import { create } from '@bufbuild/protobuf';
import {
  BrokenStreamPolicy,
  type CompleteRequest,
  CompleteRequestSchema,
  type Part,
  Role,
  type StreamCompleteResponse,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import { type DoorError, grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { type Line, startUpstream } from '../support/upstream.ts';
import type { RecordedStream } from './half-answers-recorded.ts';
import { type Cut, play } from './half-answers-upstream.ts';

/** One part of an answer, in what can be compared. */
export interface Piece {
  readonly kind: string;
  readonly text: string;
  /** Of a tool call. */
  readonly call: string;
}

/** What a caller got. */
export interface Heard {
  readonly pieces: readonly Piece[];
  readonly error: DoorError | undefined;
  readonly restarts: number;
  /** Who gave the answer, if there is one. */
  readonly provider: string;
  /** How often the provider of the recording was asked. */
  readonly asked: number;
}

/** Whether an answer that has begun may begin anew elsewhere. */
export type Elsewhere = 'before it has begun' | 'also anew';

export interface Scene {
  /** Plays a part of an answer to a caller. Undefined: no other provider may answer. */
  hear(stream: RecordedStream, cut: Cut, elsewhere?: Elsewhere): Promise<Heard>;
  close(): Promise<void>;
}

/** What the healthy provider always says. */
export const HEALTHY: readonly Piece[] = [{ kind: 'text', text: 'All of it, from elsewhere.', call: '' }];

const SPARE = 'spare/healthy';

/** A gateway with a provider for each recording, and a healthy one besides, all of them one upstream. */
export async function setScene(streams: readonly RecordedStream[]): Promise<Scene> {
  const playing = new Map<string, { cut: Cut; stream: RecordedStream; asked: number }>();
  const upstream = await startUpstream((line) => {
    const { body, path } = line.request;
    const [id = ''] = /cut-\d+-/.exec(body) ?? [];
    const played = playing.get(id);
    if (body.includes('"healthy"')) return healthy(line);
    if (!played) return line.json(404, { error: { message: path } });
    played.asked++;
    const type = played.stream.protocol.framing === 'sse' ? 'text/event-stream' : 'application/json';
    return play(played.cut, line, type);
  });
  const { file, nameOf } = configuration(streams, upstream.url);
  const gateway = await startGateway({ env: { KEY: 'sk-test-of-the-gateway' }, file: JSON.stringify(file) });
  const client = grpcClient(gateway.grpcPort);
  let cuts = 0;
  return {
    async hear(stream, cut, elsewhere) {
      const id = `cut-${++cuts}-`;
      const played = { cut, stream, asked: 0 };
      playing.set(id, played);
      // A model of its own for each stream: what is learned of one says nothing of another.
      const request = asking(`${nameOf(stream)}/model-${streams.indexOf(stream)}`, id, elsewhere);
      const { messages, error } = await client.stream(LlmService.method.streamComplete, request);
      playing.delete(id);
      return heard(messages, error, played.asked);
    },
    async close() {
      client.close();
      await gateway.close();
      await upstream.close();
    },
  };
}

function healthy(line: Line): void {
  line.startStream();
  for (const { text } of HEALTHY) line.text(text);
  line.finish();
}

function configuration(streams: readonly RecordedStream[], url: string) {
  const kinds = [...new Set(streams.map(({ provider }) => JSON.stringify(provider)))];
  const place = { base_url: url, api_key: `\${KEY}` };
  const providers = kinds.map((kind, i) => [`provider_${i}`, { ...JSON.parse(kind), ...place }]);
  const all = { ...Object.fromEntries(providers), spare: { kind: 'openai_compatible', ...place } };
  const file = {
    telemetry: { log_level: 'silent' },
    models: { allowed: ['*'], provider_order: Object.keys(all) },
    providers: all,
    probes: { enabled: false },
    shedding: { enabled: false },
    breaker: { enabled: false },
    // What nobody has heard anything of is tried again.
    retry: { max_retries: 1, base_ms: 1 },
  };
  return {
    file,
    nameOf: ({ provider }: RecordedStream) => `provider_${kinds.indexOf(JSON.stringify(provider))}`,
  };
}

const asking = (model: string, text: string, elsewhere: Elsewhere | undefined): CompleteRequest =>
  create(CompleteRequestSchema, {
    model,
    messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: text } }] }],
    fallbackModels: elsewhere ? [SPARE] : [],
    onBrokenStream: elsewhere === 'also anew' ? BrokenStreamPolicy.RESTART : BrokenStreamPolicy.FAIL,
  });

function heard(messages: readonly StreamCompleteResponse[], error: DoorError | undefined, asked: number): Heard {
  const fold = new Fold();
  let restarts = 0;
  for (const { event } of messages) {
    if (event.case === 'restart') restarts++;
    if (event.case !== 'start' && event.case !== 'completed' && event.case !== undefined) fold.add(event);
  }
  const last = messages.at(-1)?.event;
  const isComplete = last?.case === 'completed';
  if (isComplete === (error !== undefined)) throw new Error(`${last?.case} before ${error?.message ?? 'a clean end'}`);
  const wrong = isComplete ? checkEvents(messages) : undefined;
  if (wrong !== undefined) throw new Error(wrong);
  return { pieces: fold.parts.map(pieceOf), error, restarts, provider: isComplete ? last.value.provider : '', asked };
}

function pieceOf({ part }: Part): Piece {
  switch (part.case) {
    case 'text':
    case 'refusal':
      return { kind: part.case, text: part.value, call: '' };
    case 'reasoning':
      return { kind: part.case, text: part.value.text, call: '' };
    case 'toolCall':
      return { kind: part.case, text: part.value.arguments, call: `${part.value.id} ${part.value.name}` };
    default:
      throw new Error(`an answer with ${part.case}`);
  }
}
