import { describe, expect, it, vi } from 'vitest';
import { chatBody, chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { aMoment, answer, HOWS, PARTIAL, setScene, textOf } from './upstream-scene.ts';

const badResponse = { reason: 'UPSTREAM_BAD_RESPONSE' } as const;
const incomplete = { reason: 'UPSTREAM_INCOMPLETE' } as const;

const BODY = JSON.stringify(chatBody('South.'));
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

describe('an answer that is not HTTP', () => {
  const hostile: readonly (readonly [string, string])[] = [
    ['HTTP/0.9 junk', '<html>hello</html>'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['NULs', '\0'.repeat(100)],
    ['HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64'],
    ['a version from the future', `HTTP/3.7 200 OK\r\n\r\n${BODY}`],
    ['a status that is no number', `HTTP/1.1 abc OK\r\n\r\n${BODY}`],
    ['one header of 20 KiB', `${OK}x: ${'a'.repeat(20_000)}\r\n\r\n${BODY}`],
    ['2,000 headers', `${OK}${'x-y: zzzzzz\r\n'.repeat(2_000)}\r\n${BODY}`],
    ['a header without a colon', `${OK}nonsense\r\n\r\n${BODY}`],
    ['a space before the colon', `${OK}content-length : ${BODY.length}\r\n\r\n${BODY}`],
    ['a NUL in a header', `${OK}x: a\0b\r\n\r\n${BODY}`],
    ['a folded header', `${OK}x-folded: a\r\n  b\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a negative content-length', `${OK}content-length: -1\r\n\r\n${BODY}`],
    [
      'chunks and a length',
      `${OK}transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
    ],
    ['a chunk size that is no number', `${OK}transfer-encoding: chunked\r\n\r\nxyz\r\n${BODY}\r\n0\r\n\r\n`],
    ['a negative chunk size', `${OK}transfer-encoding: chunked\r\n\r\n-5\r\n${BODY}\r\n0\r\n\r\n`],
    ['a chunk size beyond all numbers', `${OK}transfer-encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n${BODY}`],
    ['a chunk longer than it says', `${OK}transfer-encoding: chunked\r\n\r\n5\r\n${BODY}\r\n0\r\n\r\n`],
  ];

  it.each(hostile)('row 21: %s', async (_, bytes) => {
    const scene = await setScene((line) => line.send(bytes));
    for (const how of HOWS) await expectFailure(scene, how, badResponse);
    await expectRecovery(scene, 'unary');
  });

  // undici calls whatever it cannot read a mismatch of lengths, as soon as a content-length has come.
  const lengths: readonly (readonly [string, string])[] = [
    ['a content-length that is no number', `${OK}content-length: 1e3\r\n\r\n${BODY}`],
    ['a content-length beyond all numbers', `${OK}content-length: ${'9'.repeat(30)}\r\n\r\n${BODY}`],
    ['two lengths', `${OK}content-length: ${BODY.length}\r\ncontent-length: 5\r\n\r\n${BODY}`],
    [
      'a length and chunks',
      `${OK}content-length: ${BODY.length}\r\ntransfer-encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
    ],
  ];

  it.each(lengths)('row 21: %s', async (_, bytes) => {
    const scene = await setScene((line) => line.send(bytes));
    for (const how of HOWS) await expectFailure(scene, how, incomplete);
    await expectRecovery(scene, 'unary');
  });

  it('row 21: a bad chunk in the middle of a stream', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.send('nonsense\r\n');
      line.finish();
    });
    await expectFailure(scene, 'stream', { ...badResponse, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it.each(HOWS)('row 21: trailers without an end, %s', async (how) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.chunk(': x\n\n');
      line.send('0\r\n');
      void line.pour(`x-trailer: ${'a'.repeat(1_000)}\r\n`);
    });
    await expectFailure(scene, how, badResponse);
    await expectRecovery(scene, how);
  });
});

describe('an answer that was not asked for', () => {
  const stolen = `${OK}content-length: ${JSON.stringify(chatBody('stolen')).length}\r\n\r\n${JSON.stringify(chatBody('stolen'))}`;
  const good = `${OK}content-length: ${BODY.length}\r\n\r\n${BODY}`;

  const behind: readonly (readonly [string, (line: Line) => void | Promise<void>])[] = [
    ['in the same packet', (line) => line.send(good + stolen)],
    [
      'right behind the one before',
      async (line) => {
        line.send(good);
        await aMoment();
        line.send(stolen);
      },
    ],
    [
      'as more of a body than its content-length',
      (line) => line.send(`${OK}content-length: ${BODY.length}\r\n\r\n${BODY} and more`),
    ],
  ];

  it.each(behind)('row 21: %s is never taken for the next one', async (_, script) => {
    const scene = await setScene((line, n) => (n === 0 ? script(line) : answer(line, `answer ${n}`)));
    expect(textOf((await scene.ask('unary')).messages)).toBe('South.');
    await vi.waitFor(() => expect(scene.upstream.open).toBe(0));
    expect(textOf((await scene.ask('unary')).messages)).toBe('answer 1');
    expect(scene.upstream.received.map(({ nth }) => nth)).toEqual([0, 0]);
  });

  it('row 21: what a stream says after its end is never taken for the next one', async () => {
    const scene = await setScene((line, n) => {
      if (n > 0) return answer(line, `answer ${n}`);
      line.startStream();
      line.text('South.');
      line.finish();
      line.send(stolen);
      line.event(chatChunk({ content: 'stolen' }));
    });
    expect(textOf((await scene.ask('stream')).messages)).toBe('South.');
    expect(textOf((await scene.ask('stream')).messages)).toBe('answer 1');
  });
});
