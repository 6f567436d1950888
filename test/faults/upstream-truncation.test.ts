import { describe, expect, it } from 'vitest';
import { chatBody, chatChunk, type Line } from '../support/upstream.ts';
import { expectFailure, expectRecovery } from './upstream-checks.ts';
import { echo, HOWS, PARTIAL, setScene, textOf } from './upstream-scene.ts';

const head = (type: string, framing: string) => `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${framing}\r\n\r\n`;

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;

const BODY = JSON.stringify(chatBody(PARTIAL));
const PIECE = data(chatChunk({ content: PARTIAL }));

/** Says goodbye properly, long before it is time. */
const fin = (line: Line) => void line.socket.end();

const incomplete = { reason: 'UPSTREAM_INCOMPLETE' } as const;
const badResponse = { reason: 'UPSTREAM_BAD_RESPONSE' } as const;

describe('an answer that is not whole', () => {
  it('row 5: FIN in the middle of a chunked stream', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      fin(line);
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it('row 5: FIN in the middle of a chunk', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.send('ff\r\ndata: {"id"');
      fin(line);
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it('row 5: FIN after the finish reason, before [DONE] and the last chunk', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.event(chatChunk({}, 'stop'));
      fin(line);
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL });
  });

  it.each(HOWS)('row 5: FIN before any byte of an answer, %s', async (how) => {
    const scene = await setScene(fin);
    await expectFailure(scene, how, incomplete);
    await expectRecovery(scene, how);
  });

  it.each(HOWS)('row 5: FIN in the middle of the headers, %s', async (how) => {
    const scene = await setScene((line) => {
      line.send('HTTP/1.1 200 OK\r\ncontent-type: application/js');
      fin(line);
    });
    await expectFailure(scene, how, incomplete);
    await expectRecovery(scene, how);
  });

  it('row 5: a body shorter than its content-length, although it is JSON', async () => {
    const scene = await setScene((line) => {
      line.send(head('application/json', `content-length: ${BODY.length + 1}`) + BODY);
      fin(line);
    });
    await expectFailure(scene, 'unary', incomplete);
    await expectRecovery(scene, 'unary');
  });

  it('row 5: a stream shorter than its content-length', async () => {
    const scene = await setScene((line) => {
      line.send(head('text/event-stream', `content-length: ${PIECE.length + 1}`) + PIECE);
      fin(line);
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it('row 6: FIN on a stream that ends with the connection', async () => {
    const scene = await setScene((line) => {
      line.send(head('text/event-stream', 'connection: close') + PIECE);
      fin(line);
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it.each([
    ['nothing', ''],
    ['[DONE] alone', 'data: [DONE]\n\n'],
    ['the event with the finish reason, without its blank line', data(chatChunk({}, 'stop')).trimEnd()],
  ])('row 6: a clean end after %s', async (_, ending) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      if (ending !== '') line.chunk(ending);
      line.endStream();
    });
    await expectFailure(scene, 'stream', { ...incomplete, text: PARTIAL, open: 1 });
  });

  it('row 6: an empty stream', async () => {
    const scene = await setScene((line) => {
      line.startStream();
      line.endStream();
    });
    await expectFailure(scene, 'stream', { ...incomplete, open: 1 });
  });

  it('row 6: FIN on a body that ends with the connection', async () => {
    const scene = await setScene((line) => {
      line.send(head('application/json', 'connection: close') + BODY.slice(0, -1));
      fin(line);
    });
    await expectFailure(scene, 'unary', badResponse);
    await expectRecovery(scene, 'unary');
  });

  it.each(HOWS)('row 6: an answer that ends with the connection is whole if it says so, %s', async (how) => {
    const scene = await setScene((line) => {
      line.send(head(how === 'unary' ? 'application/json' : 'text/event-stream', 'connection: close'));
      line.send(how === 'unary' ? BODY : PIECE + data(chatChunk({}, 'stop')));
      fin(line);
    });
    const { messages, error } = await scene.ask(how);
    expect(error).toBeUndefined();
    expect(textOf(messages)).toBe(PARTIAL);
  });

  it('row 7: truncated JSON, in a body', async () => {
    const scene = await setScene((line) => line.json(200, `{"echo":${JSON.stringify(echo(line))},"choices":[`));
    await expectFailure(scene, 'unary', { ...badResponse, open: 1 });
  });

  it.each([
    ['truncated JSON', '{"choices":[{"delta":{"content":"'],
    ['no JSON', 'Internal Server Error: '],
    ['JSON that is no object', '"'],
  ])('row 7: %s, in an event', async (_, start) => {
    const scene = await setScene((line) => {
      line.startStream();
      line.text(PARTIAL);
      line.chunk(`data: ${start}${echo(line).replaceAll('"', "'")}"\n\n`);
      line.finish();
    });
    await expectFailure(scene, 'stream', { ...badResponse, text: PARTIAL });
    await expectRecovery(scene, 'stream');
  });

  it.each([
    ['an empty body', ''],
    ['HTML', '<html>503 Service Unavailable</html>'],
    ['null', 'null'],
    ['a text', '"Hello"'],
    ['an empty list', '[]'],
    ['no choices', '{"id":"x","choices":[]}'],
  ])('row 7: %s instead of an answer', async (_, body) => {
    const scene = await setScene((line) => line.json(200, body));
    for (const how of HOWS) await expectFailure(scene, how, { ...badResponse, open: 1 });
  });
});
