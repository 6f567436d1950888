import { chatBody, type Line, startUpstream, type Upstream } from '../../support/upstream.ts';

/** How the troubled one of several providers does. `gone`: nothing listens at its address any more. */
export type Condition = 'working' | 'failing' | 'slow' | 'flapping' | 'gone';

export const TEXT = 'The river carries what the hills let go.';
const PIECES = TEXT.split(/(?= )/);

/** Calls to all providers after which a flapping one changes. By calls and not by time, so that no run is too short. */
const FLAP_CALLS = 150;

export interface Providers {
  readonly urls: readonly string[];
  /** Requests for completions that reached any of them. */
  readonly received: number;
  /** From now on the first one does so. */
  become(condition: Condition): Promise<void>;
  close(): Promise<void>;
}

/** By how much the others are slower than the first, so that every strategy has a use for that one. */
const LATER_MS = 5;

/** Three providers with the same models. */
export async function startProviders(): Promise<Providers> {
  let condition: Condition = 'working';
  const all: Upstream[] = [];
  const received = () => all.reduce((sum, { received: { length } }) => sum + length, 0);
  const isBad = () =>
    condition === 'flapping' ? Math.floor(received() / FLAP_CALLS) % 2 === 1 : condition === 'failing';
  const troubled = (line: Line) => {
    if (condition === 'slow') return;
    if (isBad()) line.json(503, { error: { message: 'The server is overloaded.', type: 'server_error' } });
    else answer(line);
  };
  for (const script of [troubled, answerLater, answerLater]) all.push(await startUpstream(script));
  return {
    urls: all.map(({ url }) => url),
    get received() {
      return received();
    },
    async become(next) {
      condition = next;
      if (next === 'gone') await all[0]?.close();
    },
    async close() {
      await Promise.all(all.map((upstream, i) => (i === 0 && condition === 'gone' ? undefined : upstream.close())));
    },
  };
}

const answerLater = (line: Line): void => void setTimeout(answer, LATER_MS, line);

/** A stream takes several turns of the event loop, so that there are always some under way. */
function answer(line: Line): void {
  if (!JSON.parse(line.request.body).stream) return line.json(200, chatBody(TEXT));
  line.startStream();
  const send = (i: number) => {
    const piece = PIECES[i];
    if (piece === undefined) return line.finish();
    line.text(piece);
    setImmediate(send, i + 1);
  };
  send(0);
}
