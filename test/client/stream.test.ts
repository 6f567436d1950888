import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BrokenStreamPolicy, type Restart } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { textOf } from '../../src/client/messages.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import type { Line } from '../support/upstream.ts';
import { all, clientOf, errorOf, hello, mocked, stageOf } from './stage.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' }, file: 'retry: { base_ms: 1 }' });
});

afterAll(() => gateway.close());

const threeWords = mocked({ reply: 'one two three' });

describe('a stream', () => {
  it('gives its text', async () => {
    const texts = await all(clientOf(gateway).stream(threeWords).text());
    expect(texts).toEqual(['one', ' two', ' three']);
  });

  it('gives its events, and then the whole response', async () => {
    const stream = clientOf(gateway).stream(threeWords);
    const cases: string[] = [];
    for await (const event of stream) cases.push(event.case);
    expect(cases).toEqual(['start', 'textDelta', 'textDelta', 'textDelta', 'completed']);
    const response = await stream.final();
    expect(textOf(response)).toBe('one two three');
    expect(response).toMatchObject({ provider: 'mock', usage: { outputTokens: 3n } });
  });

  it('gives the response that a call without a stream gives', async () => {
    const tools = [{ name: 'weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' }];
    const toolChoice = { choice: { case: 'name' as const, value: 'weather' } };
    for (const request of [threeWords, { ...hello, tools, toolChoice }]) {
      const client = clientOf(gateway);
      const streamed = await client.stream(request).final();
      const { content, usage, finishReason, attempts } = await client.complete(request);
      expect(streamed).toMatchObject({ content, usage, finishReason });
      expect(streamed.attempts).toHaveLength(attempts.length);
    }
  });

  it('gives the whole response to one who asks while another reads', async () => {
    const stream = clientOf(gateway).stream(threeWords);
    const texts = stream.text();
    const whole = stream.final();
    expect(await all(texts)).toHaveLength(3);
    expect(textOf(await whole)).toBe('one two three');
  });

  it('is read once', async () => {
    const stream = clientOf(gateway).stream(threeWords);
    await stream.final();
    expect(() => stream.text()).toThrow(TypeError);
    expect(() => stream[Symbol.asyncIterator]()).toThrow(TypeError);
    expect(textOf(await stream.final())).toBe('one two three');
  });

  it('makes no call as long as nobody reads it', async () => {
    const calls = gateway.lines().length;
    clientOf(gateway).stream(threeWords);
    await clientOf(gateway).health();
    expect(gateway.lines()).toHaveLength(calls);
  });

  it('that breaks fails in the loop and in the end', async () => {
    const stream = clientOf(gateway).stream(
      mocked({ reply: 'one two three', fault: 'upstream_reset', fault_after_tokens: 2 }),
    );
    const heard: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const text of stream.text()) heard.push(text);
      })(),
    );
    expect(heard).toEqual(['one', ' two']);
    expect(error).toMatchObject({
      code: 'unavailable',
      reason: 'UPSTREAM_RESET',
      requestId: expect.stringMatching(/./),
    });
    expect(error.callFailure?.attempts).toHaveLength(1);
    await expect(stream.final()).rejects.toBe(error);
  });
});

/** The first model says something and breaks off, the second one answers. */
const breaksOff = (line: Line) => {
  line.startStream();
  if (line.request.body.includes('"second"')) {
    line.text('three');
    return line.finish();
  }
  line.text('one ');
  line.text('two ');
  line.socket.end();
};

const restarting = {
  ...hello,
  model: 'test/first',
  fallbackModels: ['test/second'],
  onBrokenStream: BrokenStreamPolicy.RESTART,
};

describe('an answer that begins anew', () => {
  it('is told by an event, and only what counts is in the response', async () => {
    const { client } = await stageOf(breaksOff);
    const stream = client.stream(restarting);
    const events = await all(stream);
    expect(events.map((event) => event.case)).toEqual([
      'start',
      'textDelta',
      'textDelta',
      'restart',
      'textDelta',
      'completed',
    ]);
    expect(textOf(await stream.final())).toBe('three');
  });

  it('is an error for one who has read its text', async () => {
    const { client, upstream } = await stageOf(breaksOff);
    const stream = client.stream(restarting);
    const heard: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const text of stream.text()) heard.push(text);
      })(),
    );
    expect(heard).toEqual(['one ', 'two ']);
    expect(error).toMatchObject({ code: 'aborted', requestId: expect.stringMatching(/./) });
    await expect(stream.final()).rejects.toBe(error);
    await vi.waitFor(() => expect(upstream.open).toBeLessThanOrEqual(1));
  });

  it('is no error for one who listens', async () => {
    const { client } = await stageOf(breaksOff);
    const stream = client.stream(restarting);
    let shown = '';
    const restarts: Restart[] = [];
    const onRestart = (restart: Restart) => {
      restarts.push(restart);
      shown = '';
    };
    for await (const text of stream.text({ onRestart })) shown += text;
    expect(shown).toBe('three');
    expect(restarts).toMatchObject([{ provider: 'test', model: 'second', reason: ErrorReason.UPSTREAM_INCOMPLETE }]);
    expect(textOf(await stream.final())).toBe('three');
  });
});

/** Says a word and waits. */
const hangs = (line: Line) => {
  line.startStream();
  line.text('one ');
};

const hanging = { ...hello, model: 'test-model' };

describe('a caller that leaves closes the connection to the provider', () => {
  it.each(['text', 'events'])('by leaving the loop over %s', async (what) => {
    const { upstream, client, gateway: own } = await stageOf(hangs);
    const stream = client.stream(hanging);
    for await (const said of what === 'text' ? stream.text() : stream) {
      if (typeof said === 'string' || said.case === 'textDelta') break;
    }
    await vi.waitFor(() => expect(upstream.open).toBe(0));
    await vi.waitFor(() => expect(own.lines().at(-1)).toMatchObject({ error_reason: 'CANCELLED' }));
    await expect(stream.final()).rejects.toMatchObject({ code: 'canceled', reason: 'CANCELLED' });
  });

  it('by its signal, while it waits', async () => {
    const { upstream, client } = await stageOf(hangs);
    const leaving = new AbortController();
    const stream = client.stream(hanging, { signal: leaving.signal });
    const error = await errorOf(
      (async () => {
        for await (const _ of stream.text()) setImmediate(() => leaving.abort());
      })(),
    );
    expect(error).toMatchObject({ code: 'canceled', cause: leaving.signal.reason });
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });

  it('by its signal, while nobody reads on', async () => {
    const { upstream, client } = await stageOf(hangs);
    const leaving = new AbortController();
    const events = client.stream(hanging, { signal: leaving.signal })[Symbol.asyncIterator]();
    await events.next();
    await events.next();
    leaving.abort();
    await vi.waitFor(() => expect(upstream.open).toBe(0));
    await expect(events.next()).rejects.toMatchObject({ code: 'canceled' });
  });

  it('by its signal, without a stream', async () => {
    const { upstream, client } = await stageOf(() => undefined);
    const leaving = new AbortController();
    const failed = errorOf(client.complete(hanging, { signal: leaving.signal }));
    await vi.waitFor(() => expect(upstream.received).toHaveLength(1));
    leaving.abort();
    expect(await failed).toMatchObject({ code: 'canceled' });
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });

  it('by returning the iterator while it waits', async () => {
    const { upstream, client } = await stageOf(hangs);
    const texts = client.stream(hanging).text()[Symbol.asyncIterator]();
    expect(await texts.next()).toEqual({ done: false, value: 'one ' });
    const waiting = texts.next();
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'canceled' }), texts.return?.()]);
    await vi.waitFor(() => expect(upstream.open).toBe(0));
  });

  it('before it has begun, and no call is made', async () => {
    const { upstream, client } = await stageOf(hangs);
    const stream = client.stream(hanging);
    const events = stream[Symbol.asyncIterator]();
    await events.return?.();
    await expect(stream.final()).rejects.toMatchObject({ code: 'canceled' });
    expect(upstream.received).toHaveLength(0);
  });
});
