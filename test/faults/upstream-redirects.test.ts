import { describe, expect, it } from 'vitest';
import { startUpstream } from '../support/upstream.ts';
import { expectFailure, expectRecovery, type Failure } from './upstream-checks.ts';
import { aMoment, answer, echo, HOWS, setScene, textOf } from './upstream-scene.ts';

describe('a redirect', () => {
  it.each([300, 301, 302, 303, 305, 307, 308])('row 19: %i is not followed, and no key goes there', async (status) => {
    const elsewhere = await startUpstream((line) => answer(line));
    const scene = await setScene((line) => {
      const location = `${elsewhere.url}/chat/completions`;
      line.json(status, { error: { message: echo(line) } }, { location, refresh: `0; url=${location}` });
    });
    try {
      const failure: Failure = {
        reason: 'UPSTREAM_BAD_RESPONSE',
        metadata: { upstream_status: String(status) },
        open: 1,
      };
      for (const how of HOWS) await expectFailure(scene, how, failure);
      await aMoment();
      expect(elsewhere).toMatchObject({ accepted: 0, received: [] });
    } finally {
      await elsewhere.close();
    }
  });
});

describe('an early answer', () => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nx-request-id: early\r\ncontent-encoding: gzip\r\nlocation: /x\r\n\r\n';

  it.each([
    ['103', hint],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['a hundred of them', hint.repeat(100)],
  ])('row 20: %s is ignored', async (_, early) => {
    const scene = await setScene((line) => {
      line.send(early);
      answer(line, 'South.');
    });
    for (const how of HOWS) {
      const { messages, error } = await scene.ask(how);
      expect(error).toBeUndefined();
      expect(textOf(messages)).toBe('South.');
    }
    expect(scene.gateway.logText()).not.toContain('early');
    expect(scene.upstream.accepted).toBe(1);
  });

  it.each([
    ['100 that was not asked for', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['101 that was not asked for', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ])('row 20: %s breaks the connection off, and nothing is sent twice', async (_, early) => {
    const scene = await setScene((line, n) => {
      if (n % 2 === 0) return answer(line);
      line.send(early);
      answer(line);
    });
    for (const how of HOWS) {
      await scene.ask(how);
      await expectFailure(scene, how, { reason: 'UPSTREAM_INCOMPLETE' });
    }
    await expectRecovery(scene, 'unary');
  });

  it('row 20: early answers without an end are no progress', async () => {
    const scene = await setScene(
      (line) => {
        const timer = setInterval(() => line.send(hint), 5);
        void line.closed.then(() => clearInterval(timer));
      },
      { timeouts: { total_ms: 150, first_token_ms: 150 } },
    );
    for (const how of HOWS) await expectFailure(scene, how, { reason: 'UPSTREAM_TIMEOUT' });
  });
});
