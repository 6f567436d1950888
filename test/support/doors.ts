import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type CallFailure, CallFailureSchema } from '#gen/antiphon/v1/completion_pb.js';
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from '#gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '#gen/google/rpc/status_pb.js';

/** How a call failed, the same for every protocol. Header names in lower case. */
export interface DoorError {
  /** The gRPC code. */
  readonly code: number;
  readonly message: string;
  readonly errorInfo: ErrorInfo | undefined;
  readonly badRequest: BadRequest | undefined;
  readonly retryInfo: RetryInfo | undefined;
  readonly callFailure: CallFailure | undefined;
  /** How many details there are, known or not. */
  readonly detailCount: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface DoorReply<A> {
  /** All that came: one message for a unary call. */
  readonly messages: readonly A[];
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: the call succeeded. */
  readonly error: DoorError | undefined;
}

export interface CallOptions<A> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Told of each message of a stream as it comes. */
  readonly onMessage?: (message: A) => void;
}

type Method<Q extends DescMessage, A extends DescMessage> = DescMethod & {
  readonly input: Q;
  readonly output: A;
};

/** Calls any method through one protocol. Never rejects: a failure is in the reply. */
export interface DoorClient {
  unary<Q extends DescMessage, A extends DescMessage>(
    method: Method<Q, A>,
    request: MessageInitShape<Q>,
    options?: CallOptions<MessageShape<A>>,
  ): Promise<DoorReply<MessageShape<A>>>;
  stream<Q extends DescMessage, A extends DescMessage>(
    method: Method<Q, A>,
    request: MessageInitShape<Q>,
    options?: CallOptions<MessageShape<A>>,
  ): Promise<DoorReply<MessageShape<A>>>;
  close(): void;
}

/** A client of the gRPC port, by grpc-js. */
export function grpcClient(port: number, host = '127.0.0.1'): DoorClient {
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    unary: (method, request, options = {}) => grpcUnary(client, method, request, options),
    stream: (method, request, options = {}) => grpcStream(client, method, request, options),
    close: () => client.close(),
  };
}

interface GrpcCall {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown;
  cancel(): void;
}

function watchCall(call: GrpcCall, signal: AbortSignal | undefined): { headers: Record<string, string> } {
  const seen = { headers: {} };
  call.on('metadata', (metadata) => {
    seen.headers = metadataRecord(metadata);
  });
  signal?.addEventListener('abort', () => call.cancel(), { once: true });
  return seen;
}

const path = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

const grpcOptions = ({ timeoutMs }: { timeoutMs?: number }) =>
  timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };

function requestMetadata(headers: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function grpcUnary<Q extends DescMessage, A extends DescMessage>(
  client: Client,
  method: Method<Q, A>,
  request: MessageInitShape<Q>,
  options: CallOptions<MessageShape<A>>,
): Promise<DoorReply<MessageShape<A>>> {
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest<MessageShape<Q>, MessageShape<A>>(
      path(method),
      (message) => Buffer.from(toBinary(method.input, message)),
      (bytes) => fromBinary(method.output, bytes),
      create(method.input, request),
      requestMetadata(options.headers),
      grpcOptions(options),
      (error, answer) => {
        const failed = error ? grpcError(error) : undefined;
        resolve({ messages: answer ? [answer] : [], headers: seen.headers, error: failed });
      },
    );
    const seen = watchCall(call, options.signal);
  });
}

function grpcStream<Q extends DescMessage, A extends DescMessage>(
  client: Client,
  method: Method<Q, A>,
  request: MessageInitShape<Q>,
  options: CallOptions<MessageShape<A>>,
): Promise<DoorReply<MessageShape<A>>> {
  const call: ClientReadableStream<MessageShape<A>> = client.makeServerStreamRequest<MessageShape<Q>, MessageShape<A>>(
    path(method),
    (message) => Buffer.from(toBinary(method.input, message)),
    (bytes) => fromBinary(method.output, bytes),
    create(method.input, request),
    requestMetadata(options.headers),
    grpcOptions(options),
  );
  const seen = watchCall(call, options.signal);
  const messages: MessageShape<A>[] = [];
  return new Promise((resolve) => {
    call.on('data', (message: MessageShape<A>) => {
      messages.push(message);
      options.onMessage?.(message);
    });
    call.on('error', (error: ServiceError) => resolve({ messages, headers: seen.headers, error: grpcError(error) }));
    call.on('end', () => setImmediate(() => resolve({ messages, headers: seen.headers, error: undefined })));
  });
}

function metadataRecord(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)]));
}

function grpcError({ code, details, metadata }: ServiceError): DoorError {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const packed = bytes instanceof Buffer ? fromBinary(StatusSchema, bytes).details : [];
  return {
    code,
    message: details,
    errorInfo: find(ErrorInfoSchema, (schema) => packed.map((any) => anyUnpack(any, schema))),
    badRequest: find(BadRequestSchema, (schema) => packed.map((any) => anyUnpack(any, schema))),
    retryInfo: find(RetryInfoSchema, (schema) => packed.map((any) => anyUnpack(any, schema))),
    callFailure: find(CallFailureSchema, (schema) => packed.map((any) => anyUnpack(any, schema))),
    detailCount: packed.length,
    metadata: metadataRecord(metadata),
  };
}

function find<D extends DescMessage>(
  schema: D,
  unpack: (schema: D) => readonly (MessageShape<D> | undefined)[],
): MessageShape<D> | undefined {
  return unpack(schema).find((detail) => detail !== undefined);
}

export interface ConnectClientOptions {
  /** Default: "connect". */
  readonly protocol?: 'connect' | 'grpc-web' | 'grpc';
  /** Default: true. False: JSON. */
  readonly binary?: boolean;
  /** Default: "1.1", and "2" for gRPC. */
  readonly httpVersion?: '1.1' | '2';
  /** Default: POST. */
  readonly useGet?: boolean;
}

/** A client of the HTTP port, by connect-node. */
export function connectClient(port: number, options: ConnectClientOptions = {}): DoorClient {
  const abort = new AbortController();
  const sessions = new Http2SessionManager(`http://127.0.0.1:${port}`);
  const transport = transportFor(port, options, sessions);
  const call = async <Q extends DescMessage, A extends DescMessage>(
    kind: 'unary' | 'stream',
    method: Method<Q, A>,
    request: MessageInitShape<Q>,
    options: CallOptions<MessageShape<A>>,
  ): Promise<DoorReply<MessageShape<A>>> => {
    const signal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal;
    const messages: MessageShape<A>[] = [];
    let headers: Record<string, string> = {};
    try {
      const opening = [method as never, signal, options.timeoutMs, options.headers] as const;
      if (kind === 'unary') {
        const reply = await transport.unary(...opening, request as never);
        headers = Object.fromEntries(reply.header);
        messages.push(reply.message as MessageShape<A>);
      } else {
        const reply = await transport.stream(...opening, once(request) as never);
        headers = Object.fromEntries(reply.header);
        for await (const message of reply.message as AsyncIterable<Message>) {
          messages.push(message as MessageShape<A>);
          options.onMessage?.(message as MessageShape<A>);
        }
      }
      return { messages, headers, error: undefined };
    } catch (thrown) {
      return { messages, headers, error: connectError(ConnectError.from(thrown, Code.Unknown)) };
    }
  };
  return {
    unary: (method, request, options = {}) => call('unary', method, request, options),
    stream: (method, request, options = {}) => call('stream', method, request, options),
    close() {
      abort.abort();
      sessions.abort();
    },
  };
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

function transportFor(port: number, options: ConnectClientOptions, sessionManager: Http2SessionManager): Transport {
  const { protocol = 'connect', binary = true, useGet = false } = options;
  const http2 = (options.httpVersion ?? (protocol === 'grpc' ? '2' : '1.1')) === '2';
  const shared = { baseUrl: `http://127.0.0.1:${port}`, useBinaryFormat: binary, useHttpGet: useGet };
  const version = http2 ? { httpVersion: '2' as const, sessionManager } : { httpVersion: '1.1' as const };
  if (protocol === 'grpc') return createGrpcTransport({ ...shared, sessionManager });
  if (protocol === 'grpc-web') return createGrpcWebTransport({ ...shared, ...version });
  return createConnectTransport({ ...shared, ...version });
}

function connectError(error: ConnectError): DoorError {
  const metadata = Object.fromEntries(error.metadata);
  return {
    code: error.code,
    message: error.rawMessage,
    errorInfo: error.findDetails(ErrorInfoSchema)[0],
    badRequest: error.findDetails(BadRequestSchema)[0],
    retryInfo: error.findDetails(RetryInfoSchema)[0],
    callFailure: error.findDetails(CallFailureSchema)[0],
    detailCount: error.details.length,
    metadata,
  };
}
