import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What the upstream is to do, by the model's id. Whatever it does, it repeats the key wherever it can. */
export const scenarios = [
  'answers',
  'refuses-the-key',
  'wants-money',
  'forbids',
  'is-busy',
  'rejects',
  'breaks',
  'fails-halfway',
  'stops-halfway',
  'talks-nonsense',
] as const;

export type Scenario = (typeof scenarios)[number];

const statuses: Partial<Record<Scenario, number>> = {
  'refuses-the-key': 401,
  'wants-money': 402,
  forbids: 403,
  'is-busy': 429,
  rejects: 400,
  breaks: 500,
};

export interface EchoingUpstream {
  /** "http://127.0.0.1:port/v1" */
  readonly url: string;
  /** Every header that any request had, by its value. */
  readonly headerValues: ReadonlySet<string>;
  close(): void;
}

/** A provider that speaks every wire format, and puts the secrets of each request into whatever it answers. */
export async function startEchoingUpstream(): Promise<EchoingUpstream> {
  const headerValues = new Set<string>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    for (const value of Object.values(request.headers)) headerValues.add(String(value));
    answer(request, Buffer.concat(chunks).toString(), response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bound = server.address();
  return {
    url: `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}/v1`,
    headerValues,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const KEY_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key'];

/** A further secret that a request may carry. */
export const EXTRA_HEADER = 'x-extra-credential';

/** The key of a request, and its further secret, as one word. */
function keyOf({ headers }: IncomingMessage): string {
  const key = KEY_HEADERS.map((name) => String(headers[name] ?? '').replace(/^(?:Bearer|Api-Key) /, '')).find(Boolean);
  return [key ?? 'none', headers[EXTRA_HEADER]].filter(Boolean).join('.');
}

function answer(request: IncomingMessage, body: string, response: ServerResponse): void {
  const path = request.url ?? '';
  const asked = `${path} ${body}`;
  const scenario = scenarios.find((one) => asked.includes(one)) ?? 'answers';
  const key = keyOf(request);
  const status = statuses[scenario] ?? 200;
  const streams = body.includes('"stream":true') || path.includes('streamGenerateContent');
  const ndjson = path.endsWith('/completion');
  const type = status === 200 && streams && !ndjson ? 'text/event-stream' : 'application/json';
  response.writeHead(status, { 'content-type': type, ...echoes(key) });
  if (status !== 200) return void response.end(JSON.stringify(errorOf(key, status)));
  if (scenario === 'talks-nonsense') return void response.end(`{"you sent": "${key}" and nothing else`);
  const bodies = formatOf(path)(key, streams);
  const frames = streams ? bodies : bodies.slice(-1);
  const kept = scenario === 'answers' ? frames : frames.slice(0, streams ? -1 : 0);
  const last = scenario === 'fails-halfway' ? [errorOf(key, 500)] : [];
  response.end([...kept, ...last].map((frame) => framed(frame, streams, ndjson)).join(''));
}

const framed = (frame: object, streams: boolean, ndjson: boolean): string => {
  const text = JSON.stringify(frame);
  if (!streams) return text;
  if (ndjson) return `${text}\n`;
  const event = 'type' in frame ? `event: ${frame.type}\n` : '';
  return `${event}data: ${text}\n\n`;
};

const echoes = (key: string): Record<string, string> => ({
  'x-request-id': key,
  'request-id': `req-${key}`,
  'x-generation-id': key,
  'x-server-trace-id': key,
  'www-authenticate': `Bearer realm="${key}"`,
  'retry-after': '7',
  'x-ratelimit-remaining-tokens': key,
  server: key,
});

/** An error in the words of every provider at once. */
const errorOf = (key: string, status: number) => ({
  type: 'error',
  object: 'error',
  message: `The key ${key} is not good.`,
  code: status,
  request_id: key,
  user_id: key,
  error: {
    type: `type_${key}`,
    code: key,
    status: key,
    param: key,
    message: `Incorrect API key provided: ${key}.`,
    metadata: { raw: key, provider_name: key, error_type: key },
    details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: key, domain: key, metadata: { key } }],
  },
});

type Format = (key: string, streams: boolean) => readonly object[];

function formatOf(path: string): Format {
  if (path.endsWith('/responses')) return responses;
  if (path.endsWith('/messages')) return messages;
  if (path.endsWith('/completion')) return native;
  return path.includes('enerateContent') ? generate : chat;
}

const chat: Format = (key, streams) => {
  const shared = { id: `id-${key}`, model: `model-${key}`, system_fingerprint: key, provider: key };
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const said = { role: 'assistant', content: 'hi' };
  const choice = { index: 0, [streams ? 'delta' : 'message']: said, finish_reason: null };
  const over = { index: 0, [streams ? 'delta' : 'message']: streams ? {} : said, finish_reason: `end-${key}` };
  return [
    { ...shared, choices: [choice] },
    { ...shared, choices: [over], usage },
  ];
};

const responses: Format = (key, streams) => {
  const part = { type: 'output_text', text: 'hi', annotations: [] };
  const item = { id: key, type: 'message', role: 'assistant', status: 'completed', content: [part] };
  const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
  const response = { id: key, model: `model-${key}`, status: 'completed', output: [item], usage };
  const at = { output_index: 0, item_id: key };
  if (!streams) return [response];
  return [
    { type: 'response.output_item.added', ...at, item: { ...item, content: [] } },
    { type: 'response.content_part.added', ...at, content_index: 0, part: { ...part, text: '' } },
    { type: 'response.output_text.delta', ...at, content_index: 0, delta: 'hi' },
    { type: 'response.output_item.done', ...at, item },
    { type: 'response.completed', response },
  ];
};

const messages: Format = (key, streams) => {
  const usage = { input_tokens: 3, output_tokens: 2, service_tier: key };
  const message = { id: `msg-${key}`, type: 'message', role: 'assistant', model: `model-${key}`, usage };
  const end = { stop_reason: `end-${key}`, stop_sequence: key };
  if (!streams) return [{ ...message, ...end, content: [{ type: 'text', text: 'hi' }] }];
  return [
    { type: 'message_start', message: { ...message, content: [] } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: end, usage },
    { type: 'message_stop' },
  ];
};

const generate: Format = (key, streams) => {
  const shared = { responseId: `id-${key}`, modelVersion: `model-${key}` };
  const content = { role: 'model', parts: [{ text: 'hi' }] };
  const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5, serviceTier: key };
  const over = { ...shared, candidates: [{ index: 0, content, finishReason: `END_${key}` }], usageMetadata };
  return streams ? [{ ...shared, candidates: [{ index: 0, content }] }, over] : [over];
};

const native: Format = (key) => {
  const message = { role: 'assistant', text: 'hi' };
  const usage = { inputTextTokens: '3', completionTokens: '2', totalTokens: '5' };
  const said = (status: string) => ({
    result: { alternatives: [{ message, status }], usage, modelVersion: `model-${key}` },
  });
  return [said('ALTERNATIVE_STATUS_PARTIAL'), said(`ALTERNATIVE_STATUS_FINAL`)];
};
