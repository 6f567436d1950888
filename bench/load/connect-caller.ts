import { toBinary } from '@bufbuild/protobuf';
import { Pool } from 'undici';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { BENCH_KEY } from '../tenancy.ts';
import { behaviourOf, requestFor } from '../workload.ts';
import type { Caller, Listener } from './caller.ts';
import { checkAnswer, StreamCheck } from './check.ts';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import { HttpCall, type Reader } from './http-call.ts';
import type { Destination } from './job.ts';

const SERVICE = '/antiphon.v1.LlmService';
const HEADERS = { 'connect-protocol-version': '1', authorization: `Bearer ${BENCH_KEY}` };

/** A deadline that never passes. */
const LONG_MS = 120_000;

/** The Connect protocol with binary messages, over HTTP/1.1. */
export function connectCaller(to: Destination, connections: number): Caller {
  const { address, modelPrefix, route, deadlineMs = LONG_MS } = to;
  const headers = { ...HEADERS, 'connect-timeout-ms': `${deadlineMs}` };
  const pool = new Pool(`http://${address}`, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return {
    call(model, listener) {
      const stream = behaviourOf(model).kind === 'stream';
      const message = toBinary(CompleteRequestSchema, requestFor(route ?? modelPrefix + model));
      const call = new HttpCall(stream ? streamReader(model, listener) : answerReader(), listener);
      pool.dispatch(
        {
          method: 'POST',
          path: `${SERVICE}/${stream ? 'StreamComplete' : 'Complete'}`,
          headers: { ...headers, 'content-type': stream ? 'application/connect+proto' : 'application/proto' },
          body: stream ? enveloped(message) : message,
        },
        call,
      );
      return () => call.cancel();
    },
    close: () => pool.destroy(),
  };
}

function answerReader(): Reader {
  const chunks: Buffer[] = [];
  return {
    data: (bytes) => void chunks.push(bytes),
    end: () => checkAnswer(Buffer.concat(chunks)),
  };
}

/** The flag of the last envelope, which has the call's status. */
const END_FLAG = 2;

function streamReader(model: string, listener: Listener): Reader {
  const check = new StreamCheck();
  let end: string | undefined;
  const reader = new EnvelopeReader((flags, message) => {
    if (flags === END_FLAG) end = Buffer.from(message).toString();
    else if (check.message(message)) listener.token();
  });
  return {
    data: (bytes) => reader.push(bytes),
    end() {
      if (end === undefined) return 'the stream has no end';
      return JSON.parse(end).error ? `the stream ended with ${end}` : check.end(model);
    },
  };
}
