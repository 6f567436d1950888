import { describe, expect, it } from 'vitest';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { HOWS, PARTIAL, setScene } from './upstream-scene.ts';

const FOR_EVER = 60_000;

/** Only the one under test may end the call. None may be longer than that for the whole. */
const only = (limit: Readonly<Record<string, number>>) => {
  const { stream_total_ms = FOR_EVER } = limit;
  return {
    timeouts: {
      connect_ms: FOR_EVER,
      first_token_ms: stream_total_ms,
      idle_ms: stream_total_ms,
      total_ms: FOR_EVER,
      stream_total_ms,
      ...limit,
    },
  };
};

/** Does something again and again until the gateway closes the connection. */
function drip(line: Line, intervalMs: number, send: () => void): void {
  const timer = setInterval(send, intervalMs);
  void line.closed.then(() => clearInterval(timer));
}

const begin = (line: Line) => {
  line.startStream();
  line.text(PARTIAL);
};

const timedOut = { reason: 'UPSTREAM_TIMEOUT' } as const;

describe('a provider that keeps one waiting', () => {
  it.each(HOWS)('row 1: hang before the headers, %s', async (how) => {
    const scene = await setScene(() => undefined, only(how === 'unary' ? { total_ms: 100 } : { first_token_ms: 100 }));
    await expectFailure(scene, how, timedOut);
    await expectRecovery(scene, how);
  });

  it.each(HOWS)('row 1: hang after the headers, %s', async (how) => {
    const scene = await setScene(
      (line) => line.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 900\r\n\r\n'),
      only(how === 'unary' ? { total_ms: 100 } : { first_token_ms: 100 }),
    );
    await expectFailure(scene, how, timedOut);
    await expectRecovery(scene, how);
  });

  it.each(['grpc', 'connect', 'grpc-web'] as const)('row 2: hang in the middle of a stream, by %s', async (door) => {
    const scene = await setScene(begin, only({ idle_ms: 100 }));
    await expectFailure(scene, 'stream', { ...timedOut, text: PARTIAL, door });
    await expectRecovery(scene, 'stream');
  });

  it('row 2: hang in the middle of a body', async () => {
    const scene = await setScene(
      (line) => line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id":"x",'),
      only({ total_ms: 100 }),
    );
    await expectFailure(scene, 'unary', timedOut);
    await expectRecovery(scene, 'unary');
  });

  it('row 3: slow drip of content, against the bound for the whole stream', async () => {
    const scene = await setScene(
      (line) => {
        begin(line);
        drip(line, 20, () => line.text('~'));
      },
      only({ idle_ms: 100, stream_total_ms: 400 }),
    );
    await expectFailure(scene, 'stream', { ...timedOut, text: /^They gather at the lake and ~+$/ });
    await expectRecovery(scene, 'stream');
  });

  it('row 3: slow drip of a body', async () => {
    const scene = await setScene(
      (line) => {
        line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n');
        drip(line, 10, () => line.send(' '));
      },
      only({ total_ms: 200 }),
    );
    await expectFailure(scene, 'unary', timedOut);
    await expectRecovery(scene, 'unary');
  });

  it.each(HOWS)('row 3: slow drip of headers, %s', async (how) => {
    const scene = await setScene(
      (line) => {
        line.send('HTTP/1.1 200 OK\r\nx-slow: ');
        drip(line, 10, () => line.send('x'));
      },
      only(how === 'unary' ? { total_ms: 150 } : { first_token_ms: 150 }),
    );
    await expectFailure(scene, how, timedOut);
    await expectRecovery(scene, how);
  });

  const noProgress: readonly (readonly [string, (line: Line) => void])[] = [
    ['comments', (line) => line.chunk(': keep-alive\n\n')],
    ['single bytes of one line', (line) => line.chunk('x')],
    ['empty lines', (line) => line.chunk('\n')],
    ['events without content', (line) => line.event(chatChunk({ role: 'assistant', content: '' }))],
    ['events without choices', (line) => line.event({ ...chatChunk({}), choices: [] })],
  ];

  it.each(noProgress)('row 3: %s instead of a first token', async (_, send) => {
    const scene = await setScene(
      (line) => {
        line.startStream();
        drip(line, 10, () => send(line));
      },
      only({ first_token_ms: 150 }),
    );
    await expectFailure(scene, 'stream', timedOut);
  });

  it.each(noProgress)('row 3: %s instead of the next token', async (_, send) => {
    const scene = await setScene(
      (line) => {
        begin(line);
        drip(line, 10, () => send(line));
      },
      only({ idle_ms: 150 }),
    );
    await expectFailure(scene, 'stream', { ...timedOut, text: PARTIAL });
  });

  it('rows 1 to 3: says which of the times had passed', async () => {
    const slow = await setScene(() => undefined, only({ first_token_ms: 50 }));
    expect((await slow.ask('stream')).error?.message).toMatch(/did not begin to answer/);
    const stuck = await setScene(begin, only({ idle_ms: 50 }));
    expect((await stuck.ask('stream')).error?.message).toMatch(/stopped in the middle/);
    const long = await setScene(begin, only({ stream_total_ms: 50 }));
    expect((await long.ask('stream')).error?.message).toMatch(/did not finish/);
  });
});
