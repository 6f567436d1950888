import { describe, expect, it } from 'vitest';
import { chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { aMoment, answer, HOWS, PARTIAL, setScene, textOf } from './upstream-scene.ts';

const reset = { reason: 'UPSTREAM_RESET' } as const;

const rst = (line: Line) => void line.socket.resetAndDestroy();

describe('a connection that breaks', () => {
  it.each(['grpc', 'connect', 'grpc-web'] as const)('row 4: RST mid-stream, by %s', async (door) => {
    const scene = await setScene(async (line) => {
      line.startStream();
      line.text(PARTIAL);
      await aMoment();
      rst(line);
    });
    await expectFailure(scene, 'stream', { ...reset, text: PARTIAL, door });
    await expectRecovery(scene, 'stream');
  });

  const places: readonly (readonly [string, string])[] = [
    ['before any byte of an answer', ''],
    ['in the middle of the headers', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['after the headers', 'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n'],
    [
      'in the middle of a body',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id":',
    ],
  ];

  it.each(places)('row 4: RST %s', async (_, bytes) => {
    const scene = await setScene(async (line) => {
      if (bytes !== '') line.send(bytes);
      await aMoment();
      rst(line);
    });
    for (const how of HOWS) await expectFailure(scene, how, reset);
    await expectRecovery(scene, 'unary');
  });

  it('row 4: RST on an answer that ends with the connection', async () => {
    const scene = await setScene(async (line) => {
      const streams = line.request.headers.accept === 'text/event-stream';
      line.send(`HTTP/1.1 200 OK\r\ncontent-type: ${streams ? 'text/event-stream' : 'application/json'}\r\n\r\n`);
      line.send(streams ? `data: ${JSON.stringify(chatChunk({ content: PARTIAL }))}\n\n` : '{"id":"x","choices":[{');
      await aMoment();
      rst(line);
    });
    // undici takes this for the end; the answer itself says that it is not.
    await expectFailure(scene, 'unary', { reason: 'UPSTREAM_BAD_RESPONSE' });
    await expectFailure(scene, 'stream', { reason: 'UPSTREAM_INCOMPLETE', text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it.each(HOWS)('row 4: RST as soon as it is accepted, %s', async (how) => {
    const scene = await setScene(() => undefined, { onConnection: (socket) => void socket.resetAndDestroy() });
    await expectFailure(scene, how, { ...reset, requests: 0 });
    expect(scene.upstream.accepted).toBe(1);
  });

  it.each(HOWS)('row 24: refused, %s', async (how) => {
    // Nothing listens on port 1.
    const scene = await setScene(() => undefined, { url: () => 'http://127.0.0.1:1/v1' });
    await expectFailure(scene, how, { reason: 'UPSTREAM_UNREACHABLE', requests: 0 });
  });
});

describe('a kept connection that the provider closes just as the next request comes', () => {
  const ends: readonly (readonly [string, (line: Line) => void])[] = [
    ['RST', rst],
    ['FIN', (line) => void line.socket.end()],
  ];

  it.each(ends)('row 25: %s is made good once, on a fresh connection', async (_, end) => {
    for (const how of HOWS) {
      const scene = await setScene((line, n) => (n === 1 ? end(line) : answer(line, `answer ${n}`)));
      expect(textOf((await scene.ask(how)).messages)).toBe('answer 0');
      const { messages, error } = await scene.ask(how);
      expect(error).toBeUndefined();
      expect(textOf(messages)).toBe('answer 2');
      expect(messages.at(-1)).toMatchObject(
        how === 'unary' ? { attempts: [{}] } : { event: { value: { attempts: [{}] } } },
      );
      expect(scene.upstream.received.map(({ nth }) => nth)).toEqual([0, 1, 0]);
      expect(scene.upstream.received[2]?.body).toBe(scene.upstream.received[1]?.body);
    }
  });

  it.each(HOWS)('row 25: it is made good only once, %s', async (how) => {
    const scene = await setScene((line, n) => (n === 0 ? answer(line) : rst(line)));
    await scene.ask(how);
    await expectFailure(scene, how, { ...reset, requests: 2 });
    await expectRecovery(scene, how);
  });

  it('row 25: the fresh connection may fail as any other', async () => {
    let accepted = 0;
    const scene = await setScene((line, n) => (n === 0 ? answer(line) : rst(line)), {
      onConnection: (socket) => void (accepted++ > 0 && socket.resetAndDestroy()),
    });
    await scene.ask('unary');
    await expectFailure(scene, 'unary', { ...reset, requests: 1 });
    expect(accepted).toBe(2);
  });

  it.each(HOWS)('row 25: the time allowed is for both together, %s', async (how) => {
    const timeouts = { total_ms: 150, stream_total_ms: 150 };
    const scene = await setScene(
      (line, n) => {
        if (n === 0) answer(line);
        else if (n === 1) rst(line);
      },
      { timeouts },
    );
    await scene.ask(how);
    await expectFailure(scene, how, { reason: 'UPSTREAM_TIMEOUT', requests: 2 });
  });

  const firstBytes: readonly (readonly [string, string])[] = [
    ['one byte', 'H'],
    ['part of the headers', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['an early hint', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['the headers', 'HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n'],
  ];

  it.each(firstBytes)('row 25: it is not made good after %s of an answer', async (_, bytes) => {
    const scene = await setScene(async (line, n) => {
      if (n % 2 === 0) return answer(line);
      line.send(bytes);
      await aMoment();
      rst(line);
    });
    for (const how of HOWS) {
      await scene.ask(how);
      await expectFailure(scene, how, reset);
    }
  });

  it('row 25: a first request on a connection is not sent again', async () => {
    const scene = await setScene(rst);
    for (const how of HOWS) await expectFailure(scene, how, reset);
  });

  it('row 25: a connection that was closed in time is not used', async () => {
    const scene = await setScene(async (line) => {
      answer(line);
      await aMoment();
      line.socket.end();
    });
    for (let asked = 1; asked <= 3; asked++) {
      expect((await scene.ask('unary')).error).toBeUndefined();
      await aMoment();
      expect(scene.upstream).toMatchObject({ accepted: asked, open: 0 });
    }
    expect(scene.upstream.received).toHaveLength(3);
  });
});
