import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestGateway } from '../support/gateway.ts';
import { type Exchange, loadRecordings, recordingsDir } from '../support/recordings.ts';
import { object } from '../support/recordings-json.ts';
import { official } from './recordings/official.ts';
import { readChat } from './recordings/official-chat.ts';
import { providerFor, startBefore } from './recordings/ours.ts';
import type { Reading } from './recordings/reading.ts';
import { type Replay, startReplay } from './recordings/replay.ts';
import { differences, refusals } from './recordings/statements.ts';

/** The chats that were answered, and whose answers the gateway takes for such. */
const exchanges = loadRecordings(({ endpoint, mode, id }) => endpoint === 'chat' && mode !== 'error' && !refusals[id]);

let replay: Replay;
let gateway: TestGateway;

/** Requests that the gateway refuses, and why it is right to. */
const refusedRequests: Readonly<Record<string, string>> = {
  'openai-chat-stream-n-choices-0002': 'n is 2',
  'openai-chat-unary-n-choices-0001': 'n is more than 1',
  'openai-chat-unary-document-0002': 'a file by its id, which only its provider has',
  'openrouter-chat-stream-citations-0001': 'a tool that the provider runs itself',
};

const PLAIN = { messages: [{ role: 'user', content: 'hello' }] };

/** The recorded body, of a model at the provider that replays; its usage is asked for, since it is compared. */
function bodyOf(exchange: Exchange, isStream: boolean) {
  const body = { ...PLAIN, ...object(exchange.request.body) };
  const model = `${providerFor(exchange).name}/${exchange.model ?? 'model'}`;
  return { ...body, model, ...(isStream ? { stream_options: { include_usage: true } } : {}) } as never;
}

/** The words for the end are OpenAI's, and there is always one; usage that was not given is an estimate; ids are made. */
function comparable(reading: Reading, { usage, toolCalls, finish }: Reading) {
  return {
    ...reading,
    finish: undefined,
    unified: finish === '' ? undefined : reading.unified,
    usage: usage && reading.usage,
    toolCalls: reading.toolCalls.map((call, i) => ({ ...call, id: toolCalls[i]?.id ? call.id : '' })),
  };
}

describe.skipIf(recordingsDir === undefined)('recorded chats through the door for OpenAI’s clients', () => {
  beforeAll(async () => {
    replay = await startReplay();
    gateway = await startBefore(exchanges, replay.url);
  });

  afterAll(async () => {
    await gateway.close();
    replay.close();
  });

  it.each(exchanges.map((one) => [one.id, one] as const))('%s', async (id, exchange) => {
    replay.show(exchange);
    const outcome = await official(exchange, replay.url);
    if ('failure' in outcome) expect.fail(`the package throws ${outcome.failure.message}`);
    const isStream = exchange.mode === 'stream';
    replay.show(exchange);
    const url = `http://127.0.0.1:${gateway.httpPort}/v1`;
    const read = readChat(bodyOf(exchange, isStream), isStream, url);
    if (refusedRequests[id]) return expect(read).rejects.toMatchObject({ status: 400 });
    const reading = await read;
    expect(replay.paths).toHaveLength(1);
    const expected = differences[id]?.apply(outcome.reading, reading) ?? outcome.reading;
    expect(comparable(reading, outcome.reading)).toEqual(comparable(expected, outcome.reading));
  });

  it('are refused only where that is stated', () => {
    const ids = new Set(exchanges.map(({ id }) => id));
    expect(Object.keys(refusedRequests).filter((id) => !ids.has(id))).toEqual([]);
  });

  it('are many', () => {
    expect(exchanges.filter(({ provider }) => provider === 'openai').length).toBeGreaterThan(10);
    expect(exchanges.length).toBeGreaterThan(60);
  });
});
