import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { BENCH_KEY } from '../tenancy.ts';
import { behaviourOf, requestFor } from '../workload.ts';
import type { Caller, Listener } from './caller.ts';
import { checkAnswer, StreamCheck } from './check.ts';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import type { Destination } from './job.ts';

const SERVICE = '/antiphon.v1.LlmService';

/** A deadline that never passes. */
const LONG_MS = 120_000;

/** Wide enough that reading late never holds up the server. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * gRPC straight over Node's HTTP/2. A client of grpc-js costs as much as the server it calls, and on a small machine the
 * bench would then measure itself.
 */
export function grpcCaller(to: Destination, connections: number): Caller {
  const sessions = Array.from({ length: connections }, () => openSession(to.address));
  let next = 0;
  return {
    call(model, listener) {
      const session = sessions[next++ % sessions.length] as ClientHttp2Session;
      return start(session, to, model, listener);
    },
    async close() {
      for (const session of sessions) session.destroy();
    },
  };
}

function openSession(address: string): ClientHttp2Session {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW_BYTES, enablePush: false } });
  session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  session.on('error', () => undefined);
  return session;
}

const headersFor = (stream: boolean, deadlineMs: number) => ({
  ':method': 'POST',
  ':path': `${SERVICE}/${stream ? 'StreamComplete' : 'Complete'}`,
  'content-type': 'application/grpc+proto',
  te: 'trailers',
  authorization: `Bearer ${BENCH_KEY}`,
  'user-agent': 'antiphon-bench',
  'grpc-timeout': `${deadlineMs}m`,
});

function start(session: ClientHttp2Session, to: Destination, model: string, listener: Listener): () => void {
  const stream = behaviourOf(model).kind === 'stream';
  const check = stream ? new StreamCheck() : undefined;
  let status: IncomingHttpHeaders = {};
  let problem: string | undefined = stream ? undefined : 'no answer';
  const reader = new EnvelopeReader((_, message) => {
    if (!check) problem = checkAnswer(message);
    else if (check.message(message)) listener.token();
  });
  const call = session.request(headersFor(stream, to.deadlineMs ?? LONG_MS));
  call.on('response', (headers) => {
    status = headers;
  });
  call.on('trailers', (trailers) => {
    status = trailers;
  });
  call.on('data', (bytes: Buffer) => reader.push(bytes));
  call.on('error', (error) => {
    problem = error.message;
  });
  call.on('close', () => {
    const code = status['grpc-status'];
    if (code !== '0') listener.done(`status ${code}: ${status['grpc-message'] ?? problem}`);
    else listener.done(problem ?? check?.end(model));
  });
  call.end(requestBytes(to.route ?? to.modelPrefix + model));
  return () => call.close(constants.NGHTTP2_CANCEL);
}

const encoded = new Map<string, Uint8Array>();
let requests = 0;

/** No two requests are alike: fields that are said again, at the end of a message, are those that count. */
function requestBytes(model: string): Buffer {
  let bytes = encoded.get(model);
  if (!bytes) {
    bytes = toBinary(CompleteRequestSchema, requestFor(model));
    encoded.set(model, bytes);
  }
  const seed = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, { seed: BigInt(requests++) }));
  return enveloped(Buffer.concat([bytes, seed]));
}
