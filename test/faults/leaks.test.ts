import { create } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { type CompleteRequest, CompleteRequestSchema, MessageSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { loadConfig } from '../../src/config/load.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { redactor } from '../../src/core/redact.ts';
import { start } from '../../src/start.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { connectClient, type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { otlpReceiver } from '../support/otlp-receiver.ts';
import { spawnGateway } from '../support/process.ts';
import { type Line, startUpstream } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;

/** A key wherever one can stand. Some look like keys, and some are known only by their value. */
const keys = {
  OPENAI_API_KEY: 'sk-CANARY-openai-0123456789',
  ANTHROPIC_API_KEY: 'sk-ant-CANARY-anthropic-0123456789',
  GOOGLE_API_KEY: 'AIzaCANARYgoogle0123456789',
  OPENROUTER_API_KEY: 'sk-or-CANARY-openrouter-0123456789',
  LLM_API_KEY: 'CANARY.llm.without.a.pattern',
  NAMED_KEY: 'CANARY+named/with=signs',
  HEADER_SECRET: 'CANARY header with spaces',
} as const;

const CALLER_KEY = 'sk-CANARY-of-the-caller-0123456789';
/** What the conversation holds: in a text, an instruction, a tool's result, a tool call, and in few letters. */
const prompts = {
  text: 'CANARYtext: the merger of Alpha and Omega is signed "on Friday",\nnot before; tell nobody.',
  system: 'CANARYsystem: you are the assistant of the board and never mention Project Nightingale.',
  result: 'CANARYresult: {"salary": 123456, "name": "Ada Lovelace"} from the personnel file',
  argument: '{"query":"CANARYargument who earns more than the president of the company"}',
  short: 'CANARYs',
};

const CANARY = /CANARY/i;

function request(model: string, extra: Partial<Omit<CompleteRequest, '$typeName'>> = {}): CompleteRequest {
  const text = (value: string) => ({ part: { case: 'text' as const, value } });
  const call = { id: 'call-1', name: 'search', arguments: prompts.argument };
  return create(CompleteRequestSchema, {
    model,
    messages: [
      { role: Role.SYSTEM, content: [text(prompts.system)] },
      { role: Role.USER, content: [text(prompts.text)] },
      { role: Role.ASSISTANT, content: [{ part: { case: 'toolCall', value: call } }] },
      {
        role: Role.TOOL,
        content: [{ part: { case: 'toolResult', value: { toolCallId: 'call-1', content: [text(prompts.result)] } } }],
      },
      { role: Role.USER, content: [text(prompts.short)] },
    ],
    ...extra,
  });
}

/** All that a provider knows of a call, in its own words. */
const everything = ({ request: { headers, body } }: Line): string => `${JSON.stringify(headers)} ${body}`;

const secretsOf = ({ request: { headers } }: Line): string[] =>
  [headers.authorization?.replace('Bearer ', ''), headers['x-extra']].filter((secret) => secret !== undefined);

type Reply = (line: Line) => void;

const json =
  (
    status: number,
    error: (line: Line) => unknown,
    headers: (line: Line) => Record<string, string> = () => ({}),
  ): Reply =>
  (line) =>
    line.json(status, { error: error(line) }, headers(line));

const stream =
  (events: (line: Line) => readonly unknown[]): Reply =>
  (line) => {
    line.startStream();
    for (const event of events(line)) line.event(event);
    line.endStream();
  };

const lastMessage = (line: Line): string => JSON.parse(line.request.body).messages.at(-1).content;
const delta = (content: string) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const keyOf = (line: Line): string => secretsOf(line)[0] ?? '';

/** How a provider, or what stands before it, may give away what it was told. */
const replies: Record<string, Reply> = {
  ...Object.fromEntries(
    [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529].map((status) => [
      `everything in a ${status}`,
      json(status, (line) => ({ message: everything(line), type: 'invalid_request_error', code: 'bad_thing' })),
    ]),
  ),
  'a key in every field of an error': json(
    400,
    (line) => ({ message: `Bad key ${keyOf(line)}`, type: keyOf(line), code: keyOf(line), param: keyOf(line) }),
    (line) => ({ 'x-request-id': keyOf(line), 'retry-after': keyOf(line) }),
  ),
  'a header in an error': json(400, (line) => ({ message: `Bad header ${secretsOf(line).join(' and ')}` })),
  'the last words in an error': json(400, (line) => ({ message: `Bad words: ${lastMessage(line)}!` })),
  'a piece of the prompt in an error': json(400, () => ({ message: `Blocked: "${prompts.text.slice(0, 40)}..."` })),
  'everything in HTML': (line) => line.json(502, `<html><body>${everything(line)}</body></html>`),
  'everything in a 400 of plain text': (line) => line.json(400, everything(line), { 'content-type': 'text/plain' }),
  'everything in a redirect': (line) => line.json(302, {}, { location: `http://127.0.0.1:1/?key=${keyOf(line)}` }),
  'everything in a header': (line) => line.json(500, {}, { 'x-request-id': keyOf(line), 'x-echo': keyOf(line) }),
  'everything in a body that is no JSON': (line) => line.json(200, `${everything(line)} {`),
  'everything in JSON that is no answer': (line) => line.json(200, { echo: everything(line) }),
  'everything instead of HTTP': (line) => line.socket.end(everything(line)),
  'everything in an event that is no JSON': (line) => {
    line.startStream();
    line.chunk(`data: ${everything(line)} {\n\n`);
  },
  'everything in the error of a stream': stream((line) => [{ error: { message: everything(line), code: 400 } }]),
  'everything in the error after the first words': stream((line) => [
    delta('well'),
    { error: { message: everything(line), type: keyOf(line), code: keyOf(line) } },
  ]),
  'a broken stream': (line) => {
    line.startStream();
    line.text('well');
    line.socket.destroy();
  },
  'a key for an id, a model and a reason': (line) =>
    line.json(
      200,
      {
        id: keyOf(line),
        model: keyOf(line),
        choices: [{ index: 0, message: { content: 'x' }, finish_reason: keyOf(line) }],
      },
      { 'x-request-id': keyOf(line) },
    ),
};

const FILE = `
providers:
  named:
    base_url: \${NAMED_URL}
    api_key: \${NAMED_KEY}
    headers: { x-extra: "\${HEADER_SECRET}" }
    models: [named-model]
models: { allowed: ["*"], provider_order: [openai, test, named] }
retry: { max_retries: 1, base_ms: 1 }
telemetry: { log_level: debug }
`;

const models = ['openai/gpt-4.1-mini', 'test/test-model', 'named/named-model'];

/** Everything that leaves, by name, without the answers' own content. */
class Outputs {
  readonly #all: { readonly name: string; readonly text: string }[] = [];

  add(name: string, output: unknown): void {
    const text = typeof output === 'string' ? output : JSON.stringify(output, (_, value) => plain(value));
    this.#all.push({ name, text });
  }

  /** The errors and headers of a reply. */
  reply(name: string, { error, headers }: DoorReply<unknown>): void {
    this.add(name, { error, headers });
  }

  get leaking(): string[] {
    return this.#all.filter(({ text }) => CANARY.test(text)).map(({ name, text }) => `${name}: ${excerpt(text)}`);
  }
}

const plain = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

/** Enough to find the leak by. */
const excerpt = (text: string): string => {
  const at = text.search(CANARY);
  return text.slice(Math.max(0, at - 120), at + 60);
};

async function callAll(clients: Readonly<Record<string, DoorClient>>, name: string, outputs: Outputs): Promise<void> {
  const headers = { authorization: `Bearer ${CALLER_KEY}`, 'x-api-key': CALLER_KEY, cookie: `key=${CALLER_KEY}` };
  for (const [way, client] of Object.entries(clients)) {
    for (const model of models) {
      outputs.reply(`${name}, ${model}, ${way}`, await client.unary(complete, request(model), { headers }));
      outputs.reply(`${name}, ${model}, ${way}`, await client.stream(streamComplete, request(model), { headers }));
    }
  }
}

/** Calls that the gateway itself refuses. */
async function refusals(client: DoorClient, outputs: Outputs): Promise<void> {
  const refused = [
    request('test/test-model', { temperature: 9 }),
    request('x'.repeat(257)),
    request('test/test-model', { messages: [...request('').messages, create(MessageSchema)] }),
  ];
  for (const each of refused) {
    const reply = await client.unary(complete, each);
    expect(reply.error).toBeDefined();
    outputs.reply('a refusal', reply);
  }
}

test('row 85: no key and no prompt in any error, header, log line, metric or span, whatever the provider says', async () => {
  const collector = await otlpReceiver();
  onTestFinished(() => collector.close());
  let reply: Reply = () => undefined;
  const upstream = await startUpstream((line) => reply(line));
  onTestFinished(() => upstream.close());
  const gateway = await spawnGateway({
    file: FILE,
    env: {
      ...keys,
      LLM_PROVIDER: 'test',
      LLM_BASE_URL: upstream.url,
      LLM_DEFAULT_MODEL: 'test-model',
      OPENAI_BASE_URL: upstream.url,
      NAMED_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=sk-CANARY-collector-0123456789',
    },
  });
  const clients = {
    gRPC: grpcClient(gateway.grpcPort),
    'Connect, JSON': connectClient(gateway.httpPort, { binary: false }),
    'gRPC-Web': connectClient(gateway.httpPort, { protocol: 'grpc-web' }),
  };
  onTestFinished(() => {
    for (const client of Object.values(clients)) client.close();
  });

  const outputs = new Outputs();
  for (const [name, each] of Object.entries(replies)) {
    reply = each;
    await callAll(clients, name, outputs);
  }
  await refusals(clients.gRPC, outputs);
  outputs.add('metrics', await gateway.metrics());
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  outputs.add('standard error', gateway.stderr());
  for (const line of gateway.stdout().split('\n')) outputs.add('log', line);
  for (const body of collector.bodies) outputs.add('spans', body);

  // It was all there to be told.
  const told = JSON.stringify(upstream.received);
  for (const secret of [keys.OPENAI_API_KEY, keys.LLM_API_KEY, keys.NAMED_KEY, keys.HEADER_SECRET, 'CANARYsystem']) {
    expect(told).toContain(secret);
  }
  expect(told).not.toContain(CALLER_KEY);
  expect(gateway.lines().filter(({ msg }) => msg === 'call').length).toBeGreaterThan(300);
  expect(collector.spans.length).toBeGreaterThan(900);
  expect(outputs.leaking).toEqual([]);
}, 120_000);

test.each([
  `${prompts.short} is not JSON`,
  `{"messages":[{"content":[{"text":"${prompts.short}"}`,
  `{"messages":[{"content":[{"text":"x" ${prompts.short}}]}]}`,
  `{"messages":[{"content":[{"text":{"${prompts.short}":1}}]}]}`,
  `{"messages":[{"content":"${prompts.short}"}]}`,
  `{"messages":[{"role":"${prompts.short}","content":[{"image":{"data":"${prompts.short}!"}}]}]}`,
])('row 85: JSON that cannot be read is refused without being repeated: %s', async (body) => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const url = `http://127.0.0.1:${gateway.httpPort}/antiphon.v1.LlmService/Complete`;
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  expect(response.status).toBe(400);
  expect(await response.text()).not.toMatch(CANARY);
  expect(gateway.logText()).not.toMatch(CANARY);
});

const DEFECT_MS = 54_321;

/** Time that fails, with a secret, for whoever waits this long: the layer of the timeouts, on every call. */
const brokenClock: Clock = {
  ...systemClock,
  after(delayMs, task) {
    if (delayMs > DEFECT_MS - 1_000 && delayMs <= DEFECT_MS)
      throw new TypeError(`boom "${prompts.short}" ${keys.LLM_API_KEY}`);
    return systemClock.after(delayMs, task);
  },
};

test('row 85b: an Error from inside reaches the caller as INTERNAL, without a word of it', async () => {
  const env = { ...keys, USE_MOCK_LLM: 'true', ANTIPHON_GRPC_PORT: '0', ANTIPHON_HTTP_PORT: '0' };
  const file = `timeouts: { connect_ms: ${DEFECT_MS} }`;
  const variables = { ...env, ANTIPHON_METRICS_PORT: '0', ANTIPHON_CONFIG: 'test.yaml' };
  const config = loadConfig(variables, () => Buffer.from(file));
  const logged: string[] = [];
  const stream = { write: (line: string) => void logged.push(line) };
  const redact = redactor(config.secrets);
  const log = createLog({ service: 'antiphon', version: '0', level: 'debug', redact, clock: systemClock, stream });
  const { addresses, close } = await start(config, log, { clock: brokenClock });
  onTestFinished(close);
  const port = (address: string) => Number(address.split(':').at(-1));
  for (const client of [grpcClient(port(addresses.grpc)), connectClient(port(addresses.http))]) {
    onTestFinished(() => client.close());
    for (const reply of [
      await client.unary(complete, request('mock/echo')),
      await client.stream(streamComplete, request('mock/echo')),
    ]) {
      expect(reply.error).toMatchObject({
        code: 13,
        message: 'The gateway failed on this call. Report its x-request-id.',
        errorInfo: { reason: 'INTERNAL' },
      });
      expect(JSON.stringify(reply.error, (_, value) => plain(value))).not.toMatch(CANARY);
    }
  }
  expect(logged.filter((line) => line.includes('"level":"error"')).length).toBeGreaterThanOrEqual(4);
  expect(logged.join('')).not.toMatch(CANARY);
});
