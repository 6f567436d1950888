import { describe, expect, test } from 'vitest';
import { grpcFrame } from '../support/raw-http2.ts';
import { type Scene, scene } from '../support/scene.ts';
import type { Line, Script } from '../support/upstream.ts';

const SERVICE = '/antiphon.v1.LlmService';
const KEY = 'sk-test-key-of-the-gateway';
const PROMPT = 'Which way do the wild geese fly in autumn?';

interface Detail {
  readonly type: string;
  readonly value: string;
  /** What is inside, in words that anybody can read. */
  readonly debug?: Readonly<Record<string, unknown>>;
}

interface ConnectError {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly Detail[];
}

const request = (more: object = {}) =>
  JSON.stringify({
    model: 'test-model',
    messages: [{ role: 'ROLE_USER', content: [{ text: PROMPT }] }],
    ...more,
  });

async function post(
  { gateway }: Scene,
  how: 'unary' | 'stream',
  json: string,
): Promise<{ error: ConnectError; text: string }> {
  const unary = how === 'unary';
  const response = await fetch(
    `http://127.0.0.1:${gateway.httpPort}${SERVICE}/${unary ? 'Complete' : 'StreamComplete'}`,
    {
      method: 'POST',
      body: unary ? json : grpcFrame(Buffer.from(json)),
      headers: { 'content-type': unary ? 'application/json' : 'application/connect+json' },
    },
  );
  const text = await response.text();
  if (unary) return { error: JSON.parse(text), text };
  // The last of the frames, each of which begins with five bytes, has the error.
  const { error } = JSON.parse(text.slice(text.indexOf('{"error"')));
  return { error, text };
}

/** All that a detail says, also what only a decoder sees. */
const decoded = ({ value, debug }: Detail): string =>
  `${Buffer.from(value, 'base64').toString('latin1')} ${JSON.stringify(debug)}`;

const TYPES = ['google.rpc.ErrorInfo', 'google.rpc.BadRequest', 'google.rpc.RetryInfo', 'antiphon.v1.CallFailure'];
const METADATA = ['provider', 'model', 'upstream_status', 'upstream_code', 'upstream_request_id'];

function expectHarmless({ error, text }: { error: ConnectError; text: string }, words: readonly string[]): void {
  const { details = [] } = error;
  expect(details.length).toBeGreaterThan(0);
  for (const detail of details) {
    expect(TYPES).toContain(detail.type);
    // What is shown in clear is all there is: nothing is hidden beside it.
    expect(detail.debug).toBeDefined();
    for (const key of Object.keys(detail.debug?.metadata ?? {})) expect(METADATA).toContain(key);
  }
  const all = `${text} ${details.map(decoded).join(' ')}`;
  for (const word of words) expect(all).not.toContain(word);
  expect(all).not.toMatch(/\n {4}at |node_modules|\.ts:\d|127\.0\.0\.1/);
}

/** A provider that says back whatever it was told, in every field it has. */
const echo =
  (status: number, headers: Readonly<Record<string, string>> = {}): Script =>
  (line: Line) => {
    const words = `${line.request.headers.authorization} ${PROMPT}`;
    const error = { message: words, type: words, param: words, code: words, metadata: { [words]: words } };
    line.json(status, { error }, { 'x-request-id': KEY, 'retry-after': '7', ...headers });
  };

describe('row 86: the details of an error, which are shown in clear,', () => {
  test.each([400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529])(
    'tell nothing of the key or the conversation after a %i',
    async (status) => {
      const stage = await scene(echo(status));
      for (const how of ['unary', 'stream'] as const) {
        const reply = await post(stage, how, request());
        expectHarmless(reply, [KEY, 'wild geese', 'Bearer']);
        expect(reply.error.details?.map(({ type }) => type)).toContain('antiphon.v1.CallFailure');
      }
    },
  );

  test('tell nothing when the provider breaks off', async () => {
    const stage = await scene((line) => {
      line.startStream();
      line.chunk(`data: {"error":{"message":"${KEY} ${PROMPT}","code":"${KEY}"}}\n\n`);
      line.endStream();
    });
    expectHarmless(await post(stage, 'stream', request()), [KEY, 'wild geese']);
  });

  test.each<[string, object]>([
    ['a model', { model: `${'x'.repeat(300)}` }],
    ['options', { provider_options: { test: { model: PROMPT } } }],
    ['a URL', { messages: [{ role: 'ROLE_USER', content: [{ image: { url: `http://a:${KEY}@127.0.0.1/` } }] }] }],
    ['a tool', { tools: [{ name: PROMPT, parameters: `{"${PROMPT}":` }] }],
    ['a label', { labels: { [PROMPT]: KEY } }],
    ['a kind of task', { request_type: PROMPT }],
    ['a result', { messages: [{ role: 'ROLE_TOOL', content: [{ tool_result: { tool_call_id: KEY } }] }] }],
  ])('name the field, and not what is in it: %s', async (_name, more) => {
    const stage = await scene(() => undefined);
    for (const how of ['unary', 'stream'] as const) {
      const reply = await post(stage, how, request(more));
      expect(reply.error.code).toBe('invalid_argument');
      expect(reply.error.details?.map(({ type }) => type)).toContain('google.rpc.BadRequest');
      expectHarmless(reply, [KEY, 'wild geese', 'xxxxxxxx']);
    }
    expect(stage.upstream.received).toHaveLength(0);
  });
});
