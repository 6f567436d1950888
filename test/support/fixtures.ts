import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromJson, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  type CompleteResponse,
  CompleteResponseSchema,
  type Part,
  StartSchema,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Delta } from '../../src/core/events.ts';
import { Fold } from '../../src/core/fold.ts';
import type { Target } from '../../src/core/target.ts';
import type { Dialect, Ending } from '../../src/dialects/dialect.ts';
import type { Provider, ProviderSettings } from '../../src/providers/provider.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { frameParser } from '../../src/wire/frames.ts';

/** A failure as a fixture states it: what came, if it was not the stream or the body, and what it means. */
export interface StatedFailure {
  readonly reply?: { readonly status: number; readonly headers?: Record<string, string>; readonly body: unknown };
  readonly kind: string;
  /** Facts of the error that must be exactly these. */
  readonly facts?: JsonObject;
}

/** One case of `test/fixtures/<provider>/<case>/`; what it does not have is undefined. */
export interface Fixture {
  readonly name: string;
  readonly provider: Provider;
  /** The dialect in which it asks this request; without one, as it asks any. */
  readonly dialect: Dialect;
  readonly target: Target;
  /** request.json: a CompleteRequest. */
  readonly request: CompleteRequest | undefined;
  /** wire.json: the path, body and warnings that the request becomes. */
  readonly wire: { path: string; body: JsonObject; warnings?: JsonValue[] } | undefined;
  /** stream.txt: the bytes of a streamed answer. */
  readonly stream: Uint8Array | undefined;
  /** body.json: the same answer, not streamed. */
  readonly body: unknown;
  /** reply.json: the CompleteResponse that both become. */
  readonly reply: JsonValue | undefined;
  /** failure.json, where there is no reply. */
  readonly failure: StatedFailure | undefined;
}

const root = join(import.meta.dirname, '../fixtures');

/** A provider of a kind, under the kind's own name, as the fixtures and the recordings mean it. */
export function providerOf(kind: string, settings: Partial<ProviderSettings> = {}): Provider {
  const made = providerKinds.get(kind);
  if (!made) throw new Error(`no provider is of the kind ${kind}`);
  const baseUrl = new URL(made.baseUrl ?? 'https://api.example.com/v1');
  const plain = plainSettings[kind];
  const compat = { ...plain?.compat, ...settings.compat };
  return made.create({ name: kind, baseUrl, headers: {}, ...plain, ...settings, compat });
}

/** Settings that the kind needs, or that most of its fixtures want. */
const plainSettings: Readonly<Record<string, Partial<ProviderSettings>>> = {
  openai_compatible: { compat: { jsonSchema: true } },
  yandex_ai_studio: { folderId: 'b1g00000000000000000' },
};

export function loadFixtures(): Fixture[] {
  return readdirSync(root).flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => loadFixture(folder, name)),
  );
}

function loadFixture(folder: string, name: string): Fixture {
  const file = (base: string) => join(root, folder, name, base);
  const json = (base: string) => (existsSync(file(base)) ? JSON.parse(readFileSync(file(base), 'utf8')) : undefined);
  const provider = providerOf(folder, json('settings.json'));
  const stated = json('request.json');
  const request = stated && fromJson(CompleteRequestSchema, stated);
  const model = request?.model ?? 'some-model';
  return {
    name: `${folder}/${name}`,
    provider,
    dialect: provider.dialect(request ?? create(CompleteRequestSchema), model),
    target: { provider: provider.name, model },
    request,
    wire: json('wire.json'),
    stream: existsSync(file('stream.txt')) ? readFileSync(file('stream.txt')) : undefined,
    body: json('body.json'),
    reply: json('reply.json'),
    failure: json('failure.json'),
  };
}

/** What was heard of an answer. */
export interface Heard {
  readonly deltas: readonly Delta[];
  readonly ending: Ending;
}

export function hearStream(dialect: Dialect, target: Target, chunks: Iterable<Uint8Array>): Heard {
  const deltas: Delta[] = [];
  const decoder = dialect.decoder(target, (delta) => deltas.push(delta));
  const parser = frameParser(dialect.framing, { maxEventBytes: 1 << 22, onFrame: (frame) => decoder.push(frame) });
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return { deltas, ending: decoder.end() };
}

export function hearBody(dialect: Dialect, target: Target, body: unknown): Heard {
  const deltas: Delta[] = [];
  const decoder = dialect.decoder(target, (delta) => deltas.push(delta));
  for (const content of dialect.replay(body)) decoder.chunk(content);
  return { deltas, ending: decoder.end() };
}

/** The messages of a stream that these make, complete. */
export function asStream({ deltas, ending }: Heard): StreamCompleteResponse[] {
  const events: StreamCompleteResponse['event'][] = [
    { case: 'start', value: create(StartSchema) },
    ...deltas,
    { case: 'completed', value: response(ending, []) },
  ];
  return events.map((event, i) => create(StreamCompleteResponseSchema, { sequence: BigInt(i), event }));
}

const response = ({ usage, warnings, ...ending }: Ending, content: readonly Part[]): CompleteResponse =>
  create(CompleteResponseSchema, {
    ...ending,
    ...(usage ? { usage } : {}),
    warnings: [...warnings],
    content: [...content],
  });

/** The whole answer as JSON. */
export function asReply({ deltas, ending }: Heard): JsonValue {
  const fold = new Fold();
  for (const delta of deltas) fold.add(delta);
  return toJson(CompleteResponseSchema, response(ending, [...fold.parts]));
}

/** A stated reply in the one form that JSON of it has. */
export const normalReply = (reply: JsonValue): JsonValue =>
  toJson(CompleteResponseSchema, fromJson(CompleteResponseSchema, reply));
