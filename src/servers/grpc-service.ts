import { type EventEmitter, once } from 'node:events';
import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type Server,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { type PlainContext, type PlainMethod, type PlainService, plainError } from './plain.ts';

/** What grpc-js needs to know of a generated service. Its messages are those of the generated code. */
export function grpcDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
}

function methodDefinition(method: DescMethod): MethodDefinition<Message, Message> {
  const { input, output, methodKind } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => asBuffer(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => asBuffer(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type UnaryCall = ServerUnaryCall<Message, Message>;
type StreamCall = ServerWritableStream<Message, Message>;
type BidiCall = ServerDuplexStream<Message, Message>;

/** Serves a plain service on grpc-js. */
export function addPlainService(server: Server, { desc, methods }: PlainService): void {
  const handlers = desc.methods.flatMap(({ localName, methodKind }): [string, UntypedHandleCall][] => {
    const method = methods[localName];
    return method ? [[localName, handler(method, methodKind)]] : [];
  });
  server.addService(grpcDefinition(desc), Object.fromEntries(handlers));
}

function handler(method: PlainMethod, kind: DescMethod['methodKind']): UntypedHandleCall {
  const unary: handleUnaryCall<Message, Message> = (call, callback) => void answer(method, call, callback);
  const stream: handleServerStreamingCall<Message, Message> = (call) =>
    void pour(call, (context) => method(call.request as never, context));
  const bidi: handleBidiStreamingCall<Message, Message> = (call) =>
    void pour(call, (context) => method(requests(call) as never, context));
  if (kind === 'unary') return unary;
  return kind === 'server_streaming' ? stream : bidi;
}

/** The iterator must not destroy the call when it is left: the status would never be sent. */
const requests = (call: BidiCall): AsyncIterable<Message> => call.iterator({ destroyOnReturn: false });

async function answer(method: PlainMethod, call: UnaryCall, callback: sendUnaryData<Message>): Promise<void> {
  try {
    callback(null, (await method(call.request as never, { signal: cancellation(call) })) as Message);
  } catch (thrown) {
    callback(errorResponse(thrown));
  }
}

/** Writes what an async iterable gives, as fast as it is read. */
async function pour(call: StreamCall | BidiCall, open: (context: PlainContext) => unknown): Promise<void> {
  const signal = cancellation(call);
  try {
    for await (const message of open({ signal }) as AsyncIterable<Message>) {
      if (!call.write(message)) await once(call, 'drain', { signal });
    }
    call.end();
  } catch (thrown) {
    if (!signal.aborted) call.emit('error', errorResponse(thrown));
  }
}

function cancellation(call: Pick<EventEmitter, 'on'>): AbortSignal {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort());
  return controller.signal;
}

function errorResponse(thrown: unknown): ServerErrorResponse {
  const { code, rawMessage } = plainError(thrown);
  return {
    name: 'ServiceError',
    message: rawMessage,
    code: Number(code),
    details: rawMessage,
    metadata: new Metadata(),
  };
}
