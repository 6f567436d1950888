import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type DoorReply, grpcClient } from '../../support/doors.ts';
import { badChat, badContract, chatBody, contractBody, noJson } from './bodies.ts';
import { words } from './words.ts';

/** What a caller may tell that is no business of anybody's. */
const HEADERS = {
  authorization: `Bearer sk-${words.asked}`,
  'x-api-key': `sk-${words.asked}`,
  cookie: `session=${words.asked}`,
};

/** All that came back of a call, as text. */
export interface Told {
  readonly failed: boolean;
  readonly text: string;
}

/** A way to the gateway. */
export interface Door {
  /** Asks for a model with a request that is right, by whatever methods there are. */
  ask(model: string): Promise<readonly Told[]>;
  /** Sends everything that is no request. */
  misuse(): Promise<readonly Told[]>;
}

export const doorNames = ['gRPC', 'gRPC-Web', 'Connect', 'OpenAI HTTP', 'JSON-RPC'] as const;

/** Every door of a gateway. */
export function doorsOf(grpcPort: number, httpPort: number): Readonly<Record<(typeof doorNames)[number], Door>> {
  const at = `http://127.0.0.1:${httpPort}`;
  return {
    gRPC: grpcDoor(grpcPort),
    'gRPC-Web': framedDoor(at, 'application/grpc-web+json'),
    Connect: connectDoor(at),
    'OpenAI HTTP': openAiDoor(at),
    'JSON-RPC': jsonRpcDoor(at),
  };
}

async function post(url: string, contentType: string, body: string | Uint8Array<ArrayBuffer>): Promise<Told> {
  const headers = { ...HEADERS, 'content-type': contentType };
  const response = await fetch(url, { method: 'POST', headers, body });
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1');
  const status = response.headers.get('grpc-status') ?? /grpc-status: ?(\d+)/.exec(text)?.[1] ?? '0';
  const failed = !response.ok || status !== '0' || text.includes('"error":');
  return { failed, text: `${response.status} ${JSON.stringify([...response.headers])} ${text}` };
}

const COMPLETE = '/antiphon.v1.LlmService/Complete';
const STREAM = '/antiphon.v1.LlmService/StreamComplete';

const JSON_TYPE = 'application/json';
const ODD_TYPES = ['text/plain', `application/${words.asked}`];

const all = (calls: readonly Promise<Told>[]): Promise<readonly Told[]> => Promise.all(calls);

const connectDoor = (at: string): Door => {
  const framed = framedDoor(at, 'application/connect+json', [STREAM]);
  const unary = (body: string, type = JSON_TYPE) => post(at + COMPLETE, type, body);
  return {
    ask: async (model) => [await unary(JSON.stringify(contractBody(model))), ...(await framed.ask(model))],
    misuse: async () => [
      ...(await all(
        [...badContract.map((body) => JSON.stringify(body)), ...noJson.slice(0, -1)].map((body) => unary(body)),
      )),
      ...(await all(ODD_TYPES.map((type) => unary(words.asked, type)))),
      await post(at + COMPLETE, 'application/proto', Buffer.from(`\u000a${words.asked}`)),
      ...(await framed.misuse()),
    ],
  };
};

/** A message in the envelope of gRPC: a flag and a length before it. */
function enveloped(text: string): Uint8Array<ArrayBuffer> {
  const message = Buffer.from(text);
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, 5);
  return bytes;
}

function framedDoor(at: string, type: string, methods: readonly string[] = [COMPLETE, STREAM]): Door {
  const send = (text: string) => methods.map((method) => post(at + method, type, enveloped(text)));
  return {
    ask: (model) => all(send(JSON.stringify(contractBody(model)))),
    misuse: () => all([...badContract.map((body) => JSON.stringify(body)), ...noJson.slice(0, -1)].flatMap(send)),
  };
}

function openAiDoor(at: string): Door {
  const send = (body: string, type = JSON_TYPE) => post(`${at}/v1/chat/completions`, type, body);
  return {
    ask: (model) => all([false, true].map((stream) => send(JSON.stringify({ ...chatBody(model), stream })))),
    misuse: () =>
      all([
        ...badChat.map((body) => send(JSON.stringify(body))),
        ...badChat.map((body) => send(JSON.stringify({ stream: true, ...body }))),
        ...noJson.map((body) => send(body)),
        post(`${at}/v1/${words.asked}`, JSON_TYPE, words.asked),
        post(`${at}/v1/models`, JSON_TYPE, words.asked),
      ]),
  };
}

function jsonRpcDoor(at: string): Door {
  const send = (body: string) => post(`${at}/rpc`, JSON_TYPE, body);
  const call = (params: unknown, method = 'llm.complete') => ({ jsonrpc: '2.0', id: 1, method, params });
  return {
    ask: (model) =>
      all([call(contractBody(model)), [call(contractBody(model))]].map((body) => send(JSON.stringify(body)))),
    misuse: () =>
      all([
        ...badContract.map((params) => send(JSON.stringify(call(params)))),
        ...noJson.map(send),
        ...[words.asked, [words.asked]].map((params) => send(JSON.stringify(call(params)))),
        send(JSON.stringify(call({ [words.asked]: words.asked }, `llm.${words.asked}`))),
        send(JSON.stringify({ jsonrpc: words.asked, method: words.asked, params: {} })),
      ]),
  };
}

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

const toldBy = ({ messages, headers, error }: DoorReply<unknown>): Told => ({
  failed: error !== undefined,
  text: JSON.stringify({ messages, headers, error }, plain),
});

function grpcDoor(port: number): Door {
  const { complete, streamComplete } = LlmService.method;
  const send = async (body: JsonValue): Promise<Told[]> => {
    const client = grpcClient(port);
    const request = fromJson(CompleteRequestSchema, body);
    const replies = [
      toldBy(await client.unary(complete, request, { headers: HEADERS })),
      toldBy(await client.stream(streamComplete, request, { headers: HEADERS })),
    ];
    client.close();
    return replies;
  };
  const isReadable = (body: unknown): boolean => {
    try {
      return fromJson(CompleteRequestSchema, body as JsonValue) !== undefined;
    } catch {
      return false;
    }
  };
  const readable = badContract.filter(isReadable);
  return {
    ask: (model) => send(contractBody(model) as JsonValue),
    misuse: async () => [
      ...(await Promise.all(readable.map((body) => send(body as JsonValue)))).flat(),
      await garbage(port),
    ],
  };
}

/** What is no protobuf. */
function garbage(port: number): Promise<Told> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      COMPLETE,
      (text: string) => Buffer.from(text),
      (bytes) => bytes,
      `\u000a${words.asked}`,
      (error) => {
        client.close();
        const text = error ? `${error.message} ${JSON.stringify(error.metadata.getMap())}` : '';
        resolve({ failed: error !== null, text });
      },
    );
  });
}
