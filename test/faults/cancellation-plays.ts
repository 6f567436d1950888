import { setTimeout as delay } from 'node:timers/promises';
import { chatBody, chatChunk, type Line, type Script } from '../support/upstream.ts';

/** How long a provider takes, in milliseconds. */
export const LASTS_MS = 40;
/** The same where all is slow: what is left of a call then does not end by itself. */
export const SLOW_MS = 3_000;

/** What scripts know of each other. */
export interface Told {
  /** Answers that were sent whole, those to shadows apart. */
  answered: number;
  /** Whether providers take long. */
  isSlow: boolean;
}

const taken = ({ isSlow }: Told): Promise<void> => delay(isSlow ? SLOW_MS : LASTS_MS);

type Play = (line: Line, told: Told) => void | Promise<void>;

const isStream = ({ request }: Line): boolean => request.headers.accept === 'text/event-stream';

/** The connection closes after the answer, so that one that is open belongs to a call. */
const CLOSING = { connection: 'close' };

function failure(line: Line, told: Told): void {
  if (!line.socket.destroyed) told.answered++;
  line.json(500, { error: { message: 'overloaded' } }, CLOSING);
  line.socket.end();
}

function answer(line: Line, told: Told, finish = 'stop'): void {
  if (!line.socket.destroyed) told.answered++;
  if (isStream(line)) {
    line.startStream();
    line.text('all of it');
    ending(line, finish);
  } else {
    const body = chatBody('all of it');
    const [choice] = body.choices;
    line.json(200, { ...body, choices: [{ ...choice, finish_reason: finish }] }, CLOSING);
    line.socket.end();
  }
}

function ending(line: Line, finish = 'stop'): void {
  line.event(chatChunk({}, finish));
  line.chunk('data: [DONE]\n\n');
  line.endStream();
  line.socket.end();
}

const DROPS = 10;

/** Piece by piece. If all is slow, the last one is. */
async function drip(line: Line, told: Told): Promise<void> {
  const body = JSON.stringify(chatBody('drop by drop'));
  if (isStream(line)) line.startStream();
  else line.send(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`);
  for (let i = 0; i < DROPS; i++) {
    if (told.isSlow && i === DROPS - 1) await taken(told);
    if (isStream(line)) line.text('drop ');
    else line.send(body.slice((i * body.length) / DROPS, ((i + 1) * body.length) / DROPS));
    await delay(LASTS_MS / DROPS);
  }
  if (!line.socket.destroyed) told.answered++;
  if (isStream(line)) ending(line);
  else line.socket.end();
}

/** A stream breaks off in the middle; a unary call fails. */
async function broken(line: Line, told: Told): Promise<void> {
  await delay(LASTS_MS / 4);
  if (!isStream(line)) return failure(line, told);
  line.startStream();
  line.text('half ');
  line.text('of it');
  await delay(LASTS_MS / 8);
  if (!line.socket.destroyed) told.answered++;
  line.socket.end();
}

/** What a provider does with a request, by the model that it is for. */
const plays: Readonly<Record<string, Play>> = {
  /** Never answers. */
  held: () => undefined,
  /** Answers after a while. */
  async silent(line, told) {
    await taken(told);
    answer(line, told);
  },
  /** Answers after everything else. */
  async late(line, told) {
    await delay(2 * LASTS_MS);
    await taken(told);
    answer(line, { ...told });
  },
  drip,
  failing: failure,
  broken,
  async cut(line, told) {
    await delay(LASTS_MS / 4);
    answer(line, told, 'length');
  },
  /** Keeps the connection. */
  kept: (line) => line.json(200, chatBody('kept')),
  /** Does not take a second request on a connection. */
  async again(line, told) {
    if (line.request.nth > 0) return void line.socket.destroy();
    await taken(told);
    answer(line, told);
  },
};

/** A provider that does what the model is called that it is asked for. */
export const playing =
  (told: Told): Script =>
  (line) =>
    plays[JSON.parse(line.request.body).model]?.(line, told);
