import { toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, WarningSchema } from '#gen/antiphon/v1/completion_pb.js';
import { errorKinds, GatewayError } from '../src/core/errors.ts';
import { checkEvents } from '../src/core/events.ts';
import {
  asReply,
  asStream,
  type Fixture,
  hearBody,
  hearStream,
  loadFixtures,
  normalReply,
} from './support/fixtures.ts';
import { recorded, speaking } from './support/recorded.ts';
import { loadRecordings, recordingsDir, responseChunks } from './support/recordings.ts';

const fixtures = loadFixtures();
const those = <K extends keyof Fixture>(...keys: K[]) =>
  fixtures.filter((fixture) => keys.every((key) => fixture[key] !== undefined));

/** What an answer comes to, also if it fails: the deltas so far do not count then. */
function outcome(hear: () => ReturnType<typeof hearStream>): unknown {
  try {
    const heard = hear();
    expect(checkEvents(asStream(heard))).toBeUndefined();
    return { deltas: heard.deltas, ending: heard.ending };
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    return { kind: thrown.kind, facts: thrown.facts };
  }
}

const singleBytes = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

function* everyTwo(bytes: Uint8Array): Iterable<Uint8Array[]> {
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** Places to cut at. The bytes are not part of it, so that a counterexample can be read. */
const anyPlaces = (bytes: Uint8Array, most: number) => fc.array(fc.nat(bytes.length), { maxLength: most });

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...[...places].sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}

/** Whether cutting anywhere changes nothing. Compared as text: much faster than by `expect`. */
function checkCuts(
  bytes: Uint8Array,
  hear: (chunks: Uint8Array[]) => unknown,
  cuts: Iterable<Uint8Array[]>,
  most: number,
) {
  const text = (chunks: Uint8Array[]) =>
    JSON.stringify(hear(chunks), (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  const whole = text([bytes]);
  for (const chunks of cuts)
    if (text(chunks) !== whole) throw new Error(`cut at ${chunks[0]?.length} is another answer`);
  fc.assert(
    fc.property(anyPlaces(bytes, most), (places) => text(cutAt(bytes, places)) === whole),
    { numRuns: 20 },
  );
}

describe('law 1: a request becomes what the wire file says', () => {
  it.each(those('request', 'wire'))('$name', ({ dialect, request, target, wire }) => {
    if (!request || !wire) throw new Error('unreachable');
    const before = toJson(CompleteRequestSchema, request);
    const stream = wire.body.stream === true || wire.path.includes(':streamGenerateContent');
    const { path, body, warnings } = dialect.toWire(request, target, stream);
    expect({ path, body, warnings: warnings.map((warning) => toJson(WarningSchema, warning)) }).toEqual({
      warnings: [],
      ...wire,
    });
    expect(toJson(CompleteRequestSchema, request)).toEqual(before);
  });
});

describe('law 2: the stream keeps the grammar and folds to the reply', () => {
  it.each(those('stream', 'reply'))('$name', ({ dialect, target, stream, reply }) => {
    if (!stream || !reply) throw new Error('unreachable');
    const heard = hearStream(dialect, target, [stream]);
    expect(checkEvents(asStream(heard))).toBeUndefined();
    expect(asReply(heard)).toEqual(normalReply(reply));
  });
});

describe('law 3: the replayed body folds to the same reply', () => {
  it.each(those('body', 'reply'))('$name', ({ dialect, target, body, reply }) => {
    if (!reply) throw new Error('unreachable');
    const heard = hearBody(dialect, target, body);
    expect(checkEvents(asStream(heard))).toBeUndefined();
    expect(asReply(heard)).toEqual(normalReply(reply));
  });
});

describe('law 4: any cutting of the bytes gives the same events', () => {
  it.each(those('stream'))('$name', ({ dialect, target, stream }) => {
    if (!stream) throw new Error('unreachable');
    const hear = (chunks: Uint8Array[]) => outcome(() => hearStream(dialect, target, chunks));
    checkCuts(stream, hear, [singleBytes(stream), ...everyTwo(stream)], 12);
  });
});

describe('law 5: a failure has its stated kind', () => {
  it.each(those('failure'))('$name', (fixture) => {
    const error = failureOf(fixture);
    expect(error.kind).toBe(fixture.failure?.kind);
    if (fixture.failure?.facts) expect(error.facts).toEqual(fixture.failure.facts);
  });
});

function failureOf({ dialect, target, stream, body, failure }: Fixture): GatewayError {
  if (failure?.reply) {
    const { status, headers = {}, body: replied } = failure.reply;
    return dialect.failure({ status, headers, body: typeof replied === 'string' ? replied : JSON.stringify(replied) });
  }
  try {
    if (stream) hearStream(dialect, target, [stream]);
    else hearBody(dialect, target, body);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('It did not fail.');
}

describe.skipIf(recordingsDir === undefined)('laws 2 to 5 over recorded traffic (RECORDINGS_DIR)', () => {
  const recordings = loadRecordings(({ endpoint }) => endpoint !== 'models');
  const answers = recordings.filter(({ mode }) => mode !== 'error');

  it('finds recordings', () => {
    expect(answers.length).toBeGreaterThan(50);
  });

  it.each(answers)('$id', (exchange) => {
    const { dialect, target } = speaking(exchange);
    const hear = (chunks: Uint8Array[]) => outcome(() => hearStream(dialect, target, chunks));
    const whole =
      exchange.mode === 'stream'
        ? hear(responseChunks(exchange))
        : outcome(() => hearBody(dialect, target, exchange.response.body));
    expect((whole as { kind?: string }).kind).toBe(recorded.broken[exchange.id]);
    if (exchange.mode === 'unary') return;
    const bytes = Buffer.concat(responseChunks(exchange));
    checkCuts(bytes, hear, [singleBytes(bytes), responseChunks(exchange)], 200);
  });

  it.each(recordings.filter(({ mode }) => mode === 'error'))('$id', (exchange) => {
    const { status, headers } = exchange.response;
    const body = Buffer.concat(responseChunks(exchange)).toString();
    const error = speaking(exchange).dialect.failure({ status, headers, body });
    expect(errorKinds).toContain(error.kind);
    expect(error.kind).toBe(recorded.kinds[exchange.id]);
    expect(error.facts.upstreamStatus).toBe(status);
  });
});
