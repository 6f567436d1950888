import { ANSWER_TOKENS, textOf, words } from './workload.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nx-request-id: req_bench\r\n';

const withBody = (head: string, body: string) =>
  Buffer.from(`${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

const event = (choices: unknown[], more: object = {}) =>
  chunk(
    `data: ${JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'bench-model',
      service_tier: 'default',
      system_fingerprint: 'fp_bench',
      choices,
      ...more,
    })}\n\n`,
  );

const usage = (tokens: number) => ({ prompt_tokens: 70, completion_tokens: tokens, total_tokens: 70 + tokens });

const choice = (delta: object, finishReason: string | null = null) => ({
  index: 0,
  delta,
  logprobs: null,
  finish_reason: finishReason,
});

/** The head of a stream and its first event, which has no text. */
export const STREAM_BEGIN =
  `${HEAD}content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n` +
  event([choice({ role: 'assistant', content: '', refusal: null })]);

const TOKENS = words.map((content) => Buffer.from(event([choice({ content })])));

export const token = (i: number): Buffer => TOKENS[i % TOKENS.length] as Buffer;

export const streamEnd = (tokens: number): string =>
  `${event([choice({}, 'stop')])}${event([], { usage: usage(tokens) })}${chunk('data: [DONE]\n\n')}0\r\n\r\n`;

/** An answer that does not stream. */
export const ANSWER = withBody(
  HEAD,
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'bench-model',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: textOf(ANSWER_TOKENS), refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: usage(ANSWER_TOKENS),
    service_tier: 'default',
    system_fingerprint: 'fp_bench',
  }),
);

/** The models it has, which a gateway asks for to see whether it works. */
export const LISTING = withBody(HEAD, JSON.stringify({ object: 'list', data: [] }));

export const FAILURE = withBody(
  'HTTP/1.1 503 Service Unavailable\r\nx-request-id: req_bench\r\n',
  JSON.stringify({ error: { message: 'The server is overloaded.', type: 'server_error', param: null, code: null } }),
);
