import { afterEach, describe, expect, it } from 'vitest';
import { type Connections, connections } from '../../src/backends/http/connections.ts';
import { exchange, type Receiver } from '../../src/backends/http/exchange.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { settle } from '../support/calls.ts';
import { type Script, startUpstream, type Upstream } from '../support/upstream.ts';

let upstream: Upstream;
let via: Connections;

afterEach(async () => {
  await via?.close();
  await upstream?.close();
});

async function start(script: Script, maxConnections = 4): Promise<void> {
  upstream = await startUpstream(script);
  via = connections(`http://127.0.0.1:${upstream.port}`, { maxConnections, connectMs: 1_000 });
}

interface Recorder extends Receiver {
  status: number;
  text: string;
  connectedTimes: number;
}

function recorder(overrides: Partial<Recorder> = {}): Recorder {
  return {
    status: 0,
    text: '',
    connectedTimes: 0,
    done: false,
    connected() {
      this.connectedTimes++;
    },
    head(status) {
      this.status = status;
    },
    data(bytes) {
      this.text += Buffer.from(bytes).toString();
      return true;
    },
    ready: () => Promise.resolve(),
    ...overrides,
  };
}

const lingering: (() => void)[] = [];

function post(receiver: Receiver, signal = new AbortController().signal): Promise<void> {
  const request = { path: '/v1/chat', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
  const after = (_: number, task: () => void) => {
    lingering.push(task);
    return { cancel: () => undefined };
  };
  return exchange(via, request, signal, receiver, { after });
}

describe('exchange', () => {
  it('sends a request and takes the answer', async () => {
    await start((line) => line.json(200, { b: 2 }));
    const receiver = recorder();
    await post(receiver);
    expect(receiver).toMatchObject({ status: 200, text: '{"b":2}', connectedTimes: 1 });
    expect(upstream.received[0]).toMatchObject({ method: 'POST', path: '/v1/chat', body: '{"a":1}' });
  });

  it('ends with what the receiver throws, and closes the connection', async () => {
    let closed: Promise<void> | undefined;
    await start((line) => {
      closed = line.closed;
      line.startStream();
      line.chunk('x');
    });
    const failing = recorder({
      data() {
        throw new GatewayError('upstream_too_large', 'too large');
      },
    });
    await expect(post(failing)).rejects.toMatchObject({ kind: 'upstream_too_large' });
    await closed;
  });

  it('closes the connection when the signal aborts, and rejects with its reason', async () => {
    const abort = new AbortController();
    let closed: Promise<void> | undefined;
    await start((line) => {
      closed = line.closed;
      line.startStream();
      line.chunk('x');
    });
    const data = () => {
      abort.abort('the reason');
      return true;
    };
    const result = post(recorder({ data }), abort.signal);
    await expect(result).rejects.toBe('the reason');
    await closed;
  });

  it('does not begin when the signal has aborted already', async () => {
    await start((line) => line.json(200, {}));
    await expect(post(recorder(), AbortSignal.abort('early'))).rejects.toBe('early');
    expect(upstream.received).toHaveLength(0);
  });

  it('leaves the queue for a connection when the signal aborts', async () => {
    await start((line) => line.startStream(), 1);
    const first = new AbortController();
    const second = new AbortController();
    const holding = post(recorder(), first.signal);
    const waiting = post(recorder(), second.signal);
    second.abort('left the queue');
    await expect(waiting).rejects.toBe('left the queue');
    first.abort('done');
    await expect(holding).rejects.toBe('done');
  });

  it('reads no more while the receiver is full', async () => {
    const room = Promise.withResolvers<void>();
    let chunks = 0;
    await start((line) => {
      line.startStream();
      for (let i = 0; i < 200; i++) line.chunk('x'.repeat(65_536));
      line.endStream();
    });
    const full = Promise.withResolvers<void>();
    const data = () => {
      full.resolve();
      return ++chunks > 1;
    };
    const result = post(recorder({ data, ready: () => room.promise }));
    await full.promise;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(chunks).toBe(1);
    room.resolve();
    await result;
    expect(chunks).toBeGreaterThan(1);
  });

  it('is over when the receiver is done, and drops a connection that stays open', async () => {
    let closed: Promise<void> | undefined;
    await start((line) => {
      closed = line.closed;
      line.startStream();
      line.chunk('end');
    });
    const receiver = recorder({
      data() {
        Object.assign(this, { done: true });
        return true;
      },
    });
    await post(receiver);
    lingering.pop()?.();
    await closed;
  });

  it('ignores early hints and other answers below 200', async () => {
    await start((line) => {
      line.send('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n');
      line.json(200, {});
    });
    const receiver = recorder();
    await post(receiver);
    expect(receiver.status).toBe(200);
  });

  describe('a connection that was used before', () => {
    it.each([
      ['reset', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
      ['closed', (socket: { destroy(): unknown }) => socket.destroy()],
    ])('and is %s before any answer is replaced, once', async (_, end) => {
      await start((line, n) => (n === 1 ? void end(line.socket) : line.json(200, { n })));
      await post(recorder());
      await settle();
      const receiver = recorder();
      await post(receiver);
      expect(receiver).toMatchObject({ status: 200, text: '{"n":2}' });
      expect(upstream.accepted).toBe(2);
    });

    it('is not replaced twice', async () => {
      await start((line, n) => (n === 0 ? line.json(200, {}) : void line.socket.resetAndDestroy()));
      await post(recorder());
      await settle();
      await expect(post(recorder())).rejects.toMatchObject({ kind: 'upstream_reset' });
      expect(upstream.received).toHaveLength(3);
    });

    it('is not replaced after a byte of an answer', async () => {
      await start((line, n) => {
        if (n === 0) return line.json(200, {});
        line.startStream();
        line.chunk('x');
        setTimeout(() => line.socket.resetAndDestroy(), 20);
      });
      await post(recorder());
      await settle();
      await expect(post(recorder())).rejects.toMatchObject({ kind: 'upstream_reset' });
      expect(upstream.received).toHaveLength(2);
    });
  });

  it('does not repeat a request on a fresh connection', async () => {
    await start((line) => void line.socket.resetAndDestroy());
    await expect(post(recorder())).rejects.toMatchObject({ kind: 'upstream_reset' });
    expect(upstream.received).toHaveLength(1);
  });
});
