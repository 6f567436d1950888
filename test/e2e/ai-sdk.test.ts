import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, isStepCount, Output, RetryError, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { chatBody, chatChunk, type Script, startUpstream } from '../support/upstream.ts';

const providerOf = ({ httpPort }: TestGateway) =>
  createOpenAICompatible({
    name: 'antiphon',
    baseURL: `http://127.0.0.1:${httpPort}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });

let gateway: TestGateway;
let model: ReturnType<ReturnType<typeof providerOf>>;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' }, file: 'retry: { base_ms: 1 }' });
  model = providerOf(gateway)('mock/echo');
});

afterAll(() => gateway.close());

/** The SDK puts what it does not know under the provider's name into the body. */
const mock = (options: Record<string, string | number>) => ({
  providerOptions: { antiphon: { antiphon: { provider_options: { mock: options } } } },
});

const failureOf = (call: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(call).then(
    () => expect.fail('it was answered'),
    (error: unknown) => error,
  );

describe('generateText', () => {
  it('gives text, the finish reason, the usage and the model', async () => {
    const { text, finishReason, usage, response, warnings } = await generateText({
      model,
      instructions: 'Be brief.',
      prompt: 'hello',
      temperature: 0.5,
      ...mock({ reply: 'Good day.' }),
    });
    expect([text, finishReason]).toEqual(['Good day.', 'stop']);
    expect(usage).toMatchObject({ outputTokens: 2, inputTokens: expect.any(Number) });
    expect(usage.totalTokens).toBe((usage.inputTokens ?? 0) + 2);
    expect(response.modelId).toBe('mock/echo');
    expect(response.headers?.['x-request-id']).toMatch(/./);
    expect(warnings ?? []).toEqual([]);
  });

  it('says where an answer was cut off', async () => {
    const { text, finishReason } = await generateText({
      model,
      prompt: 'hello',
      maxOutputTokens: 2,
      ...mock({ reply: 'one two three' }),
    });
    expect([text, finishReason]).toEqual(['one two', 'length']);
  });

  it('says whose call it is by headers', async () => {
    const headers = { 'x-source-agent': 'planner', 'x-session-id': 'session-1' };
    const { response } = await generateText({ model, prompt: 'hello', headers });
    expect(response.headers).toMatchObject(headers);
  });
});

describe('streamText', () => {
  it('gives text in pieces, the finish reason and the usage', async () => {
    const result = streamText({ model, prompt: 'hello', ...mock({ reply: 'one two three' }) });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces).toEqual(['one', ' two', ' three']);
    expect(await result.finishReason).toBe('stop');
    expect(await result.usage).toMatchObject({ outputTokens: 3, inputTokens: expect.any(Number) });
  });

  it('tells of a stream that breaks off', async () => {
    const errors: unknown[] = [];
    const result = streamText({
      model,
      prompt: 'hello',
      ...mock({ reply: 'one two three', fault: 'upstream_reset', fault_after_tokens: 2 }),
      onError: ({ error }) => void errors.push(error),
    });
    const parts: string[] = [];
    for await (const part of result.stream) if (part.type === 'text-delta') parts.push(part.text);
    expect(parts).toEqual(['one', ' two']);
    expect(errors.map(String)).toEqual([expect.stringContaining('upstream_reset')]);
    expect(await result.finishReason).toBe('error');
  });
});

const weather = tool({
  description: 'The weather in a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, sky: 'clear' }),
});

describe('tools', () => {
  const asked = {
    prompt: 'Call weather.',
    tools: { weather },
    stopWhen: isStepCount(3),
  };
  const step = { toolName: 'weather', input: { city: 'mock' } };

  it('are called, and the model goes on with what they give', async () => {
    const { steps, text, toolResults } = await generateText({ model, ...asked });
    expect(steps).toHaveLength(2);
    expect(steps[0]).toMatchObject({ finishReason: 'tool-calls', toolCalls: [step] });
    expect(steps[0]?.toolResults).toMatchObject([{ ...step, output: { city: 'mock', sky: 'clear' } }]);
    expect(steps[1]?.finishReason).toBe('stop');
    expect(text).toContain('Call weather.');
    expect(toolResults).toBeDefined();
  });

  it('are called in a stream', async () => {
    const result = streamText({ model, ...asked });
    await result.consumeStream();
    const steps = await result.steps;
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]?.toolCalls).toMatchObject([step]);
    expect(await result.text).toContain('Call weather.');
  });

  it('must be called, or one of them, or none, as the caller says', async () => {
    const tools = { weather };
    for (const toolChoice of ['required', { type: 'tool', toolName: 'weather' }] as const) {
      const { toolCalls } = await generateText({ model, prompt: 'hello', tools, toolChoice });
      expect(toolCalls).toMatchObject([step]);
    }
    const { toolCalls } = await generateText({ model, prompt: 'Call weather.', tools, toolChoice: 'none' });
    expect(toolCalls).toEqual([]);
  });
});

describe('structured output', () => {
  const output = Output.object({ schema: z.object({ n: z.number().int(), name: z.string() }) });

  it('fits its schema', async () => {
    const made = await generateText({ model, prompt: 'hello', output });
    expect(made.output).toEqual({ n: 0, name: 'mock' });
  });

  it('grows in a stream', async () => {
    const result = streamText({ model, prompt: 'hello', output, ...mock({ reply: '{"n": 4, "name": "four"}' }) });
    const grown: unknown[] = [];
    for await (const partial of result.partialOutputStream) grown.push(partial);
    expect(grown.length).toBeGreaterThan(1);
    expect(grown.at(-1)).toEqual({ n: 4, name: 'four' });
    expect(await result.output).toEqual({ n: 4, name: 'four' });
  });
});

describe('what is refused', () => {
  it.each([
    ['a bad value', { temperature: 9 }, 400, 'temperature'],
    ['a provider that fails', mock({ fault: 'upstream_overloaded' }), 503, 'upstream_overloaded'],
  ])('has its status and message: %s', async (_, given, statusCode, message) => {
    const error = await failureOf(generateText({ model, prompt: 'hello', maxRetries: 0, ...given }));
    expect(error).toMatchObject({ statusCode, message: expect.stringContaining(message) });
    expect(APICallError.isInstance(error)).toBe(true);
    const errors: unknown[] = [];
    const onError = ({ error: each }: { error: unknown }) => void errors.push(each);
    const streamed = streamText({ model, prompt: 'hello', maxRetries: 0, ...given, onError });
    await streamed.consumeStream();
    expect(errors).toMatchObject([{ statusCode, message: expect.stringContaining(message) }]);
  });

  it('has the status of a model that is not known', async () => {
    const error = await failureOf(generateText({ model: providerOf(gateway)('gpt-99'), prompt: 'hello' }));
    expect(error).toMatchObject({ statusCode: 404, data: { error: { code: 'model_not_found' } } });
  });
});

/** A gateway before a provider that follows a script. */
async function behind(script: Script) {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const own = await startGateway({ env: providerAt(upstream.url) });
  onTestFinished(() => own.close());
  return { upstream, own, test: providerOf(own)('test-model') };
}

it('shows what a model thought, and takes it back', async () => {
  const thought = { role: 'assistant', content: 'Four.', reasoning_content: 'Two and two.' };
  const { upstream, test } = await behind((line) => {
    const { stream } = JSON.parse(line.request.body);
    if (!stream)
      return line.json(200, { ...chatBody(''), choices: [{ index: 0, message: thought, finish_reason: 'stop' }] });
    line.startStream();
    line.event(chatChunk({ reasoning_content: 'Two and two.' }));
    line.text('Four.');
    line.finish();
  });
  const unary = await generateText({ model: test, prompt: 'hello' });
  const streamed = streamText({ model: test, prompt: 'hello' });
  expect([unary.text, unary.reasoningText]).toEqual(['Four.', 'Two and two.']);
  expect([await streamed.text, await streamed.reasoningText]).toEqual(['Four.', 'Two and two.']);
  const question = { role: 'user' as const, content: 'hello' };
  await generateText({ model: test, messages: [question, ...unary.response.messages, question] });
  expect(upstream.received.at(-1)?.body).toContain('Four.');
});

it('sends images', async () => {
  const { upstream, test } = await behind((line) => line.json(200, chatBody('A dot.')));
  const png = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const content = [
    { type: 'text' as const, text: 'What is it?' },
    { type: 'file' as const, mediaType: 'image/png', data: png },
  ];
  const { text } = await generateText({ model: test, messages: [{ role: 'user', content }] });
  expect(text).toBe('A dot.');
  expect(upstream.received[0]?.body).toContain(`data:image/png;base64,${Buffer.from(png).toString('base64')}`);
});

describe('a caller that leaves closes the connection to the provider', () => {
  it('without a stream', async () => {
    const { upstream, test } = await behind(() => undefined);
    const leaving = new AbortController();
    const failed = failureOf(generateText({ model: test, prompt: 'hello', abortSignal: leaving.signal }));
    await vi.waitFor(() => expect(upstream.received).toHaveLength(1));
    leaving.abort();
    expect(await failed).toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });

  it('in a stream', async () => {
    const { upstream, test } = await behind((line) => {
      line.startStream();
      line.text('one ');
    });
    const leaving = new AbortController();
    const result = streamText({ model: test, prompt: 'hello', abortSignal: leaving.signal });
    const parts: string[] = [];
    for await (const part of result.stream) {
      parts.push(part.type);
      if (part.type === 'text-delta') leaving.abort();
    }
    expect(parts.at(-1)).toBe('abort');
    await vi.waitFor(() => expect(upstream.open).toBe(0));
    expect(upstream.received).toHaveLength(1);
  });
});

it('repeats what failed three times unless it is told otherwise', async () => {
  const { upstream, test } = await behind((line) =>
    line.json(503, { error: { message: 'no' } }, { 'retry-after-ms': '5' }),
  );
  const error = await failureOf(generateText({ model: test, prompt: 'hello' }));
  expect(RetryError.isInstance(error)).toBe(true);
  expect(upstream.received).toHaveLength(3);
});
