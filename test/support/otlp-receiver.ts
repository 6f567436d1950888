import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it has none. */
  readonly parentSpanId: string;
  readonly tracestate: string;
  readonly name: string;
  readonly kind: 'unspecified' | 'internal' | 'server' | 'client' | 'other';
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly startNano: bigint;
  readonly endNano: bigint;
  /** The attributes of the process it comes from. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver {
  /** The base address, for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** What came in, as text: to look for what must not be in it. */
  readonly bodies: readonly string[];
  /** `take`: stores spans. `refuse`: answers 400. `silent`: never answers. */
  mode: 'take' | 'refuse' | 'silent';
  /** Resolves with all spans as soon as enough of them have come. */
  waitForSpans(enough: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  close(): Promise<void>;
}

/** A collector on 127.0.0.1 that understands OTLP over HTTP with protobuf, and only spans. */
export async function otlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: string[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => void take(request, response));

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    if (receiver.mode === 'silent') return;
    const known = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
    if (!known || receiver.mode === 'refuse') return void response.writeHead(400).end();
    bodies.push(body.toString('latin1'));
    spans.push(...readSpans(body));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    for (const look of waiting) look();
  }

  const receiver: OtlpReceiver = {
    endpoint: await listening(server),
    spans,
    bodies,
    mode: 'take',
    waitForSpans: (enough) =>
      new Promise((resolve) => {
        const look = () => {
          if (!enough(spans)) return;
          waiting.delete(look);
          resolve(spans);
        };
        waiting.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

const listening = (server: ReturnType<typeof createServer>): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      resolve(`http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`);
    });
  });

/** Calls `field` for each field of a message; what it does not read is skipped. */
function eachField(bytes: Uint8Array, field: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (!field(number, reader)) reader.skip(wireType, number);
  }
}

/** Source of the field numbers: opentelemetry-proto v1, trace.proto and common.proto (2026-11-21). */
function readSpans(request: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  eachMessage(request, { 1: (resourceSpans) => spans.push(...readResourceSpans(resourceSpans)) });
  return spans;
}

function eachMessage(bytes: Uint8Array, fields: Readonly<Record<number, (message: Uint8Array) => void>>): void {
  eachField(bytes, (number, reader) => {
    const read = fields[number];
    if (read) read(reader.bytes());
    return read !== undefined;
  });
}

function readResourceSpans(bytes: Uint8Array): ReceivedSpan[] {
  const resource: Record<string, unknown> = {};
  const spans: ReceivedSpan[] = [];
  const scopeSpans = (scope: Uint8Array) => eachMessage(scope, { 2: (span) => spans.push(readSpan(span, resource)) });
  eachMessage(bytes, {
    1: (message) => eachMessage(message, { 1: (attribute) => readAttribute(attribute, resource) }),
    2: scopeSpans,
  });
  return spans;
}

const KINDS = ['unspecified', 'internal', 'server', 'client'] as const;
const STATUS_ERROR = 2;

function readSpan(bytes: Uint8Array, resource: ReceivedSpan['resource']): ReceivedSpan {
  const attributes: Record<string, unknown> = {};
  const span = { traceId: '', spanId: '', parentSpanId: '', tracestate: '', name: '', failed: false };
  let kind: ReceivedSpan['kind'] = 'unspecified';
  let startNano = 0n;
  let endNano = 0n;
  const hex = (reader: BinaryReader) => Buffer.from(reader.bytes()).toString('hex');
  const fields: Readonly<Record<number, (reader: BinaryReader) => void>> = {
    1: (reader) => (span.traceId = hex(reader)),
    2: (reader) => (span.spanId = hex(reader)),
    3: (reader) => (span.tracestate = reader.string()),
    4: (reader) => (span.parentSpanId = hex(reader)),
    5: (reader) => (span.name = reader.string()),
    6: (reader) => (kind = KINDS[reader.int32()] ?? 'other'),
    7: (reader) => (startNano = BigInt(reader.fixed64())),
    8: (reader) => (endNano = BigInt(reader.fixed64())),
    9: (reader) => readAttribute(reader.bytes(), attributes),
    15: (reader) => (span.failed = statusCode(reader.bytes()) === STATUS_ERROR),
  };
  eachField(bytes, (number, reader) => {
    fields[number]?.(reader);
    return number in fields;
  });
  return { ...span, kind, startNano, endNano, attributes, resource };
}

function statusCode(bytes: Uint8Array): number {
  let code = 0;
  eachField(bytes, (number, reader) => {
    if (number === 3) code = reader.int32();
    return number === 3;
  });
  return code;
}

function readAttribute(bytes: Uint8Array, into: Record<string, unknown>): void {
  let key = '';
  let value: unknown;
  eachField(bytes, (number, reader) => {
    if (number === 1) key = reader.string();
    if (number === 2) value = readValue(reader.bytes());
    return number === 1 || number === 2;
  });
  into[key] = value;
}

function readValue(bytes: Uint8Array): unknown {
  let value: unknown;
  const fields: Readonly<Record<number, (reader: BinaryReader) => unknown>> = {
    1: (reader) => reader.string(),
    2: (reader) => reader.bool(),
    3: (reader) => Number(reader.int64()),
    4: (reader) => reader.double(),
    5: (reader) => readArray(reader.bytes()),
  };
  eachField(bytes, (number, reader) => {
    const read = fields[number];
    if (read) value = read(reader);
    return read !== undefined;
  });
  return value;
}

function readArray(bytes: Uint8Array): unknown[] {
  const values: unknown[] = [];
  eachMessage(bytes, { 1: (value) => values.push(readValue(value)) });
  return values;
}
