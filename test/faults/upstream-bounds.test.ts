import { describe, expect, it, vi } from 'vitest';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { answer, echo, HOWS, PARTIAL, setScene, textOf } from './upstream-scene.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const tooLarge = { reason: 'UPSTREAM_TOO_LARGE' } as const;

/** More than the buffers of two sockets on loopback hold, besides what the gateway takes. */
const BUFFERS = 32 * MIB;

/** One HTTP chunk. */
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Pours until the gateway has had enough; gives how much it took. */
function pouring(open: (line: Line) => void, data: string) {
  const bytes = Buffer.from(data);
  const taken = Promise.withResolvers<number>();
  return {
    taken: taken.promise,
    script(line: Line) {
      open(line);
      void line.pour(bytes).then(taken.resolve);
    },
  };
}

describe('an answer without an end', () => {
  const endless: readonly (readonly [string, string])[] = [
    ['one line of data', 'x'.repeat(64 * KIB)],
    ['lines of one event', `data: ${'x'.repeat(KIB)}\n`.repeat(64)],
    ['events names', `event: ${'x'.repeat(KIB)}\n`.repeat(64)],
  ];

  it.each(endless)('row 12: %s', async (_, data) => {
    const { script, taken } = pouring((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.chunk('data: ');
    }, chunk(data));
    const scene = await setScene(script, { limits: { max_event_bytes: 256 * KIB, max_response_bytes: 1024 * MIB } });
    await expectFailure(scene, 'stream', { ...tooLarge, text: PARTIAL });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, 'stream');
  });

  it('row 12: one comment', async () => {
    const { script, taken } = pouring(
      (line) => {
        line.startStream();
        line.chunk(': ');
      },
      chunk('x'.repeat(64 * KIB)),
    );
    const scene = await setScene(script, { limits: { max_event_bytes: 256 * KIB, max_response_bytes: 1024 * MIB } });
    await expectFailure(scene, 'stream', tooLarge);
    expect(await taken).toBeLessThan(BUFFERS);
  });

  it.each(HOWS)('row 12: a body, %s', async (how) => {
    const { script, taken } = pouring(
      (line) => line.send('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"x":"'),
      'x'.repeat(64 * KIB),
    );
    const scene = await setScene(script, { limits: { max_response_bytes: MIB } });
    await expectFailure(scene, how, tooLarge);
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, how);
  });

  it('row 12: events, each of which is small', async () => {
    const { script, taken } = pouring(
      (line) => line.startStream(),
      chunk(`data: ${JSON.stringify(chatChunk({ content: '~' }))}\n\n`),
    );
    const scene = await setScene(script, { limits: { max_event_bytes: 64 * KIB, max_response_bytes: 64 * KIB } });
    await expectFailure(scene, 'stream', { ...tooLarge, text: /^~{100,1000}$/ });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, 'stream');
  });

  it.each(HOWS)('row 12: an error, %s', async (how) => {
    const { script, taken } = pouring(
      (line) => {
        line.send(
          `HTTP/1.1 500 No\r\ncontent-type: application/json\r\n\r\n{"error":{"message":${JSON.stringify(echo(line))}`,
        );
      },
      'x'.repeat(64 * KIB),
    );
    const scene = await setScene(script);
    await expectFailure(scene, how, { reason: 'UPSTREAM_ERROR', metadata: { upstream_status: '500' } });
    expect(await taken).toBeLessThan(BUFFERS);
    await expectRecovery(scene, how);
  });

  it('row 12: something after [DONE]: the answer is whole, and the connection is closed', async () => {
    const { script, taken } = pouring(
      (line) => {
        line.startStream();
        line.text('South.');
        line.event(chatChunk({}, 'stop'));
        line.chunk('data: [DONE]\n\n');
      },
      chunk('x'.repeat(64 * KIB)),
    );
    const scene = await setScene(script);
    const { messages, error } = await scene.ask('stream');
    expect(error).toBeUndefined();
    expect(textOf(messages)).toBe('South.');
    expect(await taken).toBeLessThan(BUFFERS);
    await vi.waitFor(() => expect(scene.upstream.open).toBe(0));
    await expectRecovery(scene, 'stream');
  });

  it('row 12: one as large as is allowed is taken whole', async () => {
    const text = 'x'.repeat(200 * KIB);
    const scene = await setScene((line) => answer(line, text), {
      limits: { max_event_bytes: 201 * KIB, max_response_bytes: 202 * KIB },
    });
    for (const how of HOWS) {
      const { messages, error } = await scene.ask(how);
      expect(error).toBeUndefined();
      expect(textOf(messages)).toBe(text);
    }
  });
});
