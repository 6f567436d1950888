import { toBinary } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcClient } from '../support/doors.ts';
import { providerAt } from '../support/gateway.ts';
import { FLAG, FRAME, frame, frameSocket, grpcHeaders } from '../support/http2-frames.ts';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { grpcFrame } from '../support/raw-http2.ts';
import { scene, until } from '../support/scene.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { answer } from './upstream-scene.ts';

const MIB = 1024 * 1024;

const hello = helloRequest('test-model');
const HEADERS = grpcHeaders('/antiphon.v1.LlmService/Complete');
const MESSAGE = grpcFrame(toBinary(CompleteRequestSchema, hello));

/** A whole call, on the stream of this number. */
const callOn = (stream: number): Buffer =>
  Buffer.concat([
    frame(FRAME.headers, FLAG.endHeaders, stream, HEADERS),
    frame(FRAME.data, FLAG.endStream, stream, MESSAGE),
  ]);

const CANCEL = Buffer.from([0, 0, 0, 8]);
const REFUSED_STREAM = 7;

const ports = ['grpcPort', 'httpPort'] as const;

test.each(ports)('row 38: more calls at once than one connection may have are refused (%s)', async (port) => {
  const stage = await scene(() => undefined, { file: 'server: { max_concurrent_streams: 3 }' });
  const caller = await frameSocket(stage.gateway[port]);
  const streams = [1, 3, 5, 7, 9];
  caller.socket.write(Buffer.concat(streams.map(callOn)));
  const refused = () => caller.frames.filter(({ type }) => type === FRAME.reset);
  await until('two to be refused', () => refused().length === 2);
  expect(refused().map(({ stream, payload }) => [stream, payload.readUInt32BE()])).toEqual([
    [7, REFUSED_STREAM],
    [9, REFUSED_STREAM],
  ]);
  await until('three to be asked', () => stage.upstream.received.length === 3);
  caller.socket.destroy();
  await stage.quiet();
  expect(stage.upstream.received).toHaveLength(3);
});

interface Stage {
  readonly upstream: Upstream;
  readonly gateway: GatewayProcess;
  /** Somebody else calls, and is answered. */
  expectServed(): Promise<void>;
}

async function setStage(): Promise<Stage> {
  const upstream = await startUpstream((line) => answer(line));
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({ env: providerAt(upstream.url) });
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  return {
    upstream,
    gateway,
    // On a busy machine the gateway may refuse calls for a moment.
    expectServed: () =>
      until('somebody else to be answered', async () => {
        return (await client.unary(LlmService.method.complete, hello)).error === undefined;
      }),
  };
}

/** Nothing was heard of a defect, and nothing is left of the calls. */
async function expectWell({ upstream, gateway, expectServed }: Stage): Promise<void> {
  await expectServed();
  expect(gateway.lines().filter(({ level }) => level === 'error')).toEqual([]);
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  await until('no connection to the provider', () => upstream.open === 0);
}

/** Node lets a peer reset 1,000 streams, and 33 a second from then on. */
const MOST_RESETS = 2_000;

test.each(ports)(
  'row 39: a caller that begins calls only to reset them is cut off (%s)',
  async (port) => {
    const stage = await setStage();
    await stage.expectServed();
    const idle = await stage.gateway.residentBytes();
    const caller = await frameSocket(stage.gateway[port]);
    const closed = new Promise((resolve) => caller.socket.once('close', resolve));
    for (let stream = 1; stream < 40_000 && !caller.socket.destroyed; stream += 2) {
      const room = caller.socket.write(Buffer.concat([callOn(stream), frame(FRAME.reset, FLAG.none, stream, CANCEL)]));
      if (room) continue;
      await Promise.race([new Promise((resolve) => caller.socket.once('drain', resolve)), closed]);
      caller.socket.removeAllListeners('drain');
    }
    await closed;
    expect(stage.upstream.received.length).toBeLessThan(MOST_RESETS);
    expect((await stage.gateway.residentBytes()) - idle).toBeLessThan(256 * MIB);
    await expectWell(stage);
  },
  60_000,
);

interface Flood {
  readonly first?: Buffer;
  readonly piece: Buffer;
}

/** `a: a`, a hundred times. */
const fields = Buffer.concat(Array.from({ length: 100 }, () => Buffer.from([0, 1, 97, 1, 97])));

const floods: Readonly<Record<string, Flood>> = {
  'headers without an end': {
    first: frame(FRAME.headers, FLAG.none, 1, HEADERS),
    piece: frame(FRAME.continuation, FLAG.none, 1, fields),
  },
  'empty frames of headers': {
    first: frame(FRAME.headers, FLAG.none, 1, HEADERS),
    piece: frame(FRAME.continuation, FLAG.none, 1),
  },
  'empty frames of data': {
    first: frame(FRAME.headers, FLAG.endHeaders, 1, HEADERS),
    piece: frame(FRAME.data, FLAG.none, 1),
  },
  pings: { piece: frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(8)) },
  settings: { piece: frame(FRAME.settings, FLAG.none, 0) },
};

/** A million frames: far more than any of them may take. */
const AT_ONCE = 100;
const MOST = 1_000_000 / AT_ONCE;

test.each(ports)(
  'row 40: a flood of frames ends the connection, and harms nobody else (%s)',
  async (port) => {
    const stage = await setStage();
    await stage.expectServed();
    const idle = await stage.gateway.residentBytes();
    for (const [name, { first = Buffer.alloc(0), piece }] of Object.entries(floods)) {
      for (const reads of [true, false]) {
        const caller = await frameSocket(stage.gateway[port], { reads });
        caller.socket.write(first);
        const sent = await caller.flood(Buffer.concat(Array.from({ length: AT_ONCE }, () => piece)), MOST);
        expect(sent, name).toBeLessThan(MOST);
        expect((await stage.gateway.residentBytes()) - idle, name).toBeLessThan(64 * MIB);
        await stage.expectServed();
      }
    }
    expect(stage.upstream.received).toHaveLength(1 + 2 * Object.keys(floods).length);
    await expectWell(stage);
  },
  60_000,
);
