import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chatBody, chatChunk, type Line, startUpstream, type Upstream } from '../support/upstream.ts';
import { emptyFolder, type Ran, runScript } from './running.ts';

const KEY = 'sk-test-Zx81Qw05';
const ID = 'chatcmpl-CVx3abcDEF12';
const REQUEST = {
  model: 'gpt-4.1-mini',
  messages: [{ role: 'ROLE_USER', content: [{ text: 'Mail to jo@acme.com' }] }],
};

let upstream: Upstream;
let answer: (line: Line) => void;
let folder: string;

beforeEach(async () => {
  upstream = await startUpstream((line) => answer(line));
  folder = await emptyFolder();
});

afterEach(() => upstream.close());

async function record(args: readonly string[] = [], request: unknown = REQUEST): Promise<Ran> {
  const file = join(folder, 'asked.json');
  await writeFile(file, JSON.stringify(request));
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: upstream.url };
  return runScript('record.ts', ['openai', 'hello', '--request', file, '--out', folder, ...args], env);
}

const isStream = ({ request }: Line): boolean => JSON.parse(request.body).stream === true;

function streamed(line: Line, text: string): void {
  line.startStream();
  line.event({ ...chatChunk({ role: 'assistant', content: text }), id: ID });
  line.event({ ...chatChunk({}, 'stop'), id: ID });
  line.event({ ...chatChunk({}), id: ID, choices: [], usage: chatBody('').usage });
  line.chunk('data: [DONE]\n\n');
  line.endStream();
}

const answering = (unary: string, stream: string) => (line: Line) =>
  isStream(line) ? streamed(line, stream) : line.json(200, { ...chatBody(unary), id: ID });

const read = (file: string): string => readFileSync(join(folder, 'openai', file), 'utf8');
const written = (): string[] => {
  try {
    return readdirSync(join(folder, 'openai'), { recursive: true, encoding: 'utf8' }).sort();
  } catch {
    return [];
  }
};

describe('recording', () => {
  it('writes both answers into one folder where they are the same', async () => {
    answer = answering('hi', 'hi');
    expect(await record()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(written()).toEqual([
      'hello',
      ...['body.json', 'reply.json', 'request.json', 'stream.txt'].map((f) => `hello/${f}`),
    ]);
    expect(JSON.parse(read('hello/request.json'))).toEqual(REQUEST);
    expect(JSON.parse(read('hello/reply.json'))).toMatchObject({
      content: [{ text: 'hi' }],
      finishReason: 'FINISH_REASON_STOP',
      usage: { inputTokens: '7', outputTokens: '3' },
      providerResponseId: 'chatcmpl-1',
    });
    expect(read('hello/stream.txt')).toContain('data: {"id":"chatcmpl-1"');
    expect(upstream.received.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`]);
  });

  it('gives the stream a folder of its own where they are not', async () => {
    answer = answering('hi', 'ho');
    await record();
    expect(written().filter((file) => file.endsWith('.json') || file.endsWith('.txt'))).toEqual([
      'hello-streamed/reply.json',
      'hello-streamed/stream.txt',
      'hello/body.json',
      'hello/reply.json',
      'hello/request.json',
    ]);
  });

  it('asks only one way if that is wanted', async () => {
    answer = answering('hi', 'hi');
    await record(['--stream']);
    expect(written()).toEqual(['hello', 'hello/reply.json', 'hello/request.json', 'hello/stream.txt']);
    expect(upstream.received).toHaveLength(1);
  });

  it('keeps a failure with its meaning, and without the key that it echoes', async () => {
    const error = {
      message: `Incorrect API key provided: ${KEY}`,
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    };
    answer = (line) => line.json(401, { error }, { 'x-echo': KEY, 'retry-after': '3', 'openai-organization': 'acme' });
    expect((await record()).exitCode).toBe(0);
    expect(JSON.parse(read('hello/failure.json'))).toEqual({
      kind: 'upstream_auth',
      reply: {
        status: 401,
        headers: { 'content-type': 'application/json', 'retry-after': '3' },
        body: { error: { ...error, message: 'Incorrect API key provided: [redacted]' } },
      },
    });
  });

  it('keeps a stream that breaks off, with its meaning', async () => {
    answer = (line) => {
      line.startStream();
      line.event(chatChunk({ content: 'h' }));
      line.event({ error: { message: 'the server is overloaded', code: 503 } });
      line.endStream();
    };
    await record(['--stream']);
    expect(JSON.parse(read('hello/failure.json'))).toEqual({ kind: 'upstream_overloaded' });
    expect(read('hello/stream.txt')).toContain('overloaded');
  });

  it('masks a key in the middle of the text', async () => {
    answer = answering(`your key is ${KEY}, is it not`, `your key is ${KEY}, is it not`);
    expect((await record()).exitCode).toBe(0);
    for (const file of written().filter((name) => name.includes('.'))) expect(read(file)).not.toContain(KEY);
    expect(JSON.parse(read('hello/reply.json')).content).toEqual([{ text: 'your key is [redacted], is it not' }]);
  });

  it.each([
    ['in base64', Buffer.from(KEY).toString('base64')],
    ['in hex', Buffer.from(KEY).toString('hex')],
  ])('writes nothing at all if a key comes back %s', async (_, echoed) => {
    answer = answering('hi', `it is ${echoed}`);
    const ran = await record();
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('Nothing was written');
    expect(ran.stderr + ran.stdout).not.toContain(KEY);
    expect(written()).toEqual([]);
  });

  it('writes nothing if the request holds the key', async () => {
    answer = answering('hi', 'hi');
    const messages = [{ role: 'ROLE_USER', content: [{ text: `my key: ${KEY}` }] }];
    const ran = await record([], { ...REQUEST, messages });
    expect(ran.exitCode).toBe(2);
    expect(written()).toEqual([]);
  });
});

describe('a wrong call', () => {
  it.each([
    ['without a case', ['openai'], 'Say which kind'],
    ['of an unknown kind', ['nobody', 'hello'], 'There is no kind "nobody"'],
    ['of a case with a path', ['openai', '../hello'], 'A case is named'],
    ['with an unknown option', ['openai', 'hello', '--nonsense'], 'nonsense'],
    ['without a request', ['openai', 'not-there'], 'There is no request'],
  ])('%s says what is wrong', async (_, args, said) => {
    const ran = await runScript('record.ts', args);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(said);
  });

  it('without a key names the variable', async () => {
    const ran = await runScript('record.ts', ['openai', 'text']);
    expect(ran).toMatchObject({ exitCode: 2, stderr: 'Set OPENAI_API_KEY.\n' });
  });

  it('does not write if nobody listens', async () => {
    await upstream.close();
    const ran = await record();
    upstream = await startUpstream(() => undefined);
    expect(ran.exitCode).toBe(1);
    expect(written()).toEqual([]);
  });

  it('says why a provider could not be reached, or what its address lacks', async () => {
    const ask = (url: string) =>
      runScript('record.ts', ['openai', 'text', '--out', folder], { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: url });
    await upstream.close();
    expect(await ask(upstream.url)).toMatchObject({
      exitCode: 1,
      stderr: 'The provider could not be reached: ECONNREFUSED.\n',
    });
    expect(await ask('nonsense')).toMatchObject({
      exitCode: 2,
      stderr: 'The address of openai is none. Write it as https://api.example.com/v1.\n',
    });
  });
});
