import OpenAI, {
  APIError,
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from 'openai';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, startUpstream } from '../support/upstream.ts';

let gateway: TestGateway;
let client: OpenAI;

const clientOf = ({ httpPort }: TestGateway, options: object = {}) =>
  new OpenAI({ apiKey: 'unused', baseURL: `http://127.0.0.1:${httpPort}/v1`, ...options });

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' }, file: 'retry: { base_ms: 1 }' });
  client = clientOf(gateway);
});

afterAll(() => gateway.close());

const messages = [{ role: 'user' as const, content: 'hello' }];
const asked = { model: 'mock/echo', messages };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The package passes on what it does not know. */
const mock = (options: object) => ({ antiphon: { provider_options: { mock: options } } }) as object;

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    strict: true,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

describe('the official package for Node', () => {
  it('completes', async () => {
    const { data, response } = await client.chat.completions
      .create({ ...asked, ...mock({ reply: 'Good day.' }) })
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'mock/echo',
      choices: [
        { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Good day.', refusal: null } },
      ],
    });
    expect(data.choices[0]?.message).not.toHaveProperty('tool_calls');
    expect(data.id).toBe(`chatcmpl-${response.headers.get('x-request-id')}`);
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
    expect(Math.abs(data.created - Date.now() / 1000)).toBeLessThan(60);
    expect(response.headers.get('content-type')).toContain('application/json');
  });

  it('streams, and its accumulator is content', async () => {
    const stream = client.chat.completions.stream({
      ...asked,
      ...mock({ reply: 'one two three four' }),
      stream_options: { include_usage: true },
    });
    const deltas: string[] = [];
    stream.on('content', (delta) => deltas.push(delta));
    const whole = await stream.finalChatCompletion();
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join('')).toBe('one two three four');
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'one two three four' } });
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('gets the usage of a stream only if it asks for it', async () => {
    for (const include_usage of [true, false]) {
      const stream = await client.chat.completions.create({
        ...asked,
        stream: true,
        stream_options: { include_usage },
      });
      const chunks = await all(stream);
      const isLast = chunks.map(({ choices }) => choices.length === 0);
      expect(isLast.filter(Boolean)).toHaveLength(include_usage ? 1 : 0);
      expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual(
        chunks.slice(0, -1).map(() => (include_usage ? null : undefined)),
      );
      expect(chunks.at(-1)?.usage?.prompt_tokens ?? 0).toBeGreaterThanOrEqual(include_usage ? 1 : 0);
    }
  });

  it('calls tools, streaming and not', async () => {
    const request = {
      ...asked,
      tools: [weather],
      tool_choice: { type: 'function' as const, function: { name: 'weather' } },
    };
    const unary = await client.chat.completions.create(request);
    const stream = client.chat.completions.stream(request);
    const parsed: unknown[] = [];
    stream.on('tool_calls.function.arguments.done', (done) => parsed.push(done.parsed_arguments));
    for (const { choices } of [unary, await stream.finalChatCompletion()])
      expect(choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { content: null, tool_calls: [{ type: 'function', function: { name: 'weather' } }] },
      });
    const [called] = unary.choices[0]?.message.tool_calls ?? [];
    expect(called?.type === 'function' && JSON.parse(called.function.arguments)).toEqual({ city: 'mock' });
    expect(parsed).toEqual([{ city: 'mock' }]);
    const { choices } = await client.chat.completions.create({
      ...asked,
      messages: [
        ...messages,
        ...(unary.choices[0] ? [unary.choices[0].message] : []),
        { role: 'tool', tool_call_id: called?.id ?? '', content: 'sunny' },
      ],
    });
    expect(choices[0]?.finish_reason).toBe('stop');
  });

  it('parses structured output', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
      additionalProperties: false,
    };
    const { choices } = await client.chat.completions.parse({
      ...asked,
      ...mock({ reply: '{"n":4}' }),
      response_format: { type: 'json_schema', json_schema: { name: 'count', strict: true, schema } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ n: 4 });
  });

  it('lists models, and finds one by its name', async () => {
    const models = await all(client.models.list());
    expect(models).toEqual([{ id: 'mock/echo', object: 'model', created: 0, owned_by: 'mock' }]);
    expect(await client.models.retrieve('mock/echo')).toEqual(models[0]);
    await expect(client.models.retrieve('mock/other')).rejects.toThrow(NotFoundError);
  });

  it.each<[string, object, abstract new (...args: never[]) => APIError, object]>([
    [
      'n',
      { n: 2 },
      BadRequestError,
      { status: 400, param: 'n', code: 'invalid_request', type: 'invalid_request_error' },
    ],
    ['a bad value', { temperature: 9 }, BadRequestError, { param: 'temperature' }],
    ['an unknown model', { model: 'gpt-99' }, NotFoundError, { status: 404, code: 'model_not_found' }],
    ['a model that is not allowed', { model: 'mock/other' }, PermissionDeniedError, { code: 'model_not_allowed' }],
    ['an overloaded provider', mock({ fault: 'upstream_overloaded' }), InternalServerError, { status: 503 }],
  ])('throws the class for %s', async (_, given, thrown, facts) => {
    for (const stream of [false, true]) {
      const failed = await client.chat.completions.create({ ...asked, ...given, stream }).then(
        () => expect.fail('it was answered'),
        (error) => error,
      );
      expect(failed).toBeInstanceOf(thrown);
      expect(failed).toMatchObject(facts);
      expect(failed.requestID).toMatch(/./);
    }
  });

  it('throws in the middle of a stream that breaks off', async () => {
    const stream = await client.chat.completions.create({
      ...asked,
      ...mock({ reply: 'one two three', fault: 'upstream_reset', fault_after_tokens: 2 }),
      stream: true,
    });
    const heard: string[] = [];
    const failure = await (async () => {
      for await (const { choices } of stream) heard.push(choices[0]?.delta.content ?? '');
    })().catch((error) => error);
    expect(heard.join('')).toBe('one two');
    expect(failure).toBeInstanceOf(APIError);
    expect(failure.error).toMatchObject({ code: 'upstream_reset', antiphon: { reason: 'UPSTREAM_RESET' } });
  });
});

/** A gateway before an upstream that follows a script. */
async function setBefore(script: Script) {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const own = await startGateway({
    env: { ...providerAt(upstream.url), LLM_MAX_RETRIES: '1' },
    file: 'retry: { base_ms: 1 }',
  });
  onTestFinished(() => own.close());
  return { upstream, client: clientOf(own) };
}

describe('with the official package', () => {
  it('a caller that leaves closes the connection to the provider', async () => {
    for (const stream of [false, true]) {
      const { upstream, client: own } = await setBefore((line) => {
        if (!stream) return;
        line.startStream();
        line.text('one ');
      });
      const leaving = new AbortController();
      const pending = (async () => {
        const answer = await own.chat.completions.create(
          { model: 'test-model', messages, stream },
          { signal: leaving.signal },
        );
        if (Symbol.asyncIterator in answer) for await (const _ of answer) leaving.abort();
      })();
      await vi.waitFor(() => expect(upstream.received).toHaveLength(1));
      if (!stream) leaving.abort();
      await (stream ? pending : expect(pending).rejects.toThrow(APIUserAbortError));
      await vi.waitFor(() => expect(upstream.open).toBe(0));
    }
  });

  it('what the gateway has repeated is not repeated by the client', async () => {
    const { upstream, client: own } = await setBefore((line) =>
      line.json(429, { error: { message: 'slow down', code: 'rate_limit_exceeded' } }, { 'retry-after-ms': '5' }),
    );
    const failed = own.chat.completions.create({ model: 'test-model', messages });
    await expect(failed).rejects.toThrow(RateLimitError);
    expect(upstream.received).toHaveLength(2);
    const error = await failed.catch((thrown) => thrown);
    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.headers.get('x-should-retry')).toBe('false');
    expect(Number(error.headers.get('retry-after-ms'))).toBeGreaterThan(0);
  });
});
