import { randomBytes } from 'node:crypto';
import type { Line, Script } from './upstream.ts';

/** Much, and nothing that compression could make small. */
const PIECE = randomBytes(48 * 1024).toString('base64');

/** A provider that streams so many pieces of 64 KiB, as fast as they are read, and finishes. */
export function pour(pieces: number): Script {
  return async (line) => {
    line.startStream();
    for (let i = 0; i < pieces && !line.socket.destroyed; i++) {
      line.text(PIECE);
      if (line.socket.writableNeedDrain) await drained(line);
    }
    line.finish();
  };
}

const drained = ({ socket, closed }: Line): Promise<unknown> =>
  Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
