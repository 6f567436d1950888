import { setTimeout as delay } from 'node:timers/promises';
import { chatBody, chatChunk, type Line, type Script } from '../../support/upstream.ts';

export const isStream = ({ request }: Line): boolean => request.headers.accept === 'text/event-stream';

export interface ChatAnswer {
  readonly content?: string | null;
  readonly refusal?: string;
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  /** Default: stop. */
  readonly finish?: string;
}

const USAGE = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };

/** An answer of 7 input tokens and 3 output tokens, in the form that was asked for. */
export function give(line: Line, { content = null, refusal, toolCalls = [], finish = 'stop' }: ChatAnswer): void {
  const calls = toolCalls.map(({ id, name, ...rest }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: rest.arguments },
  }));
  const message = {
    role: 'assistant',
    content,
    ...(refusal === undefined ? {} : { refusal }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  if (!isStream(line))
    return line.json(200, { ...chatBody(''), choices: [{ index: 0, message, finish_reason: finish }], usage: USAGE });
  line.startStream();
  line.event(chatChunk(message));
  line.event(chatChunk({}, finish));
  line.event({ ...chatChunk({}), choices: [], usage: USAGE });
  line.chunk('data: [DONE]\n\n');
  line.endStream();
}

export const says =
  (content: string): Script =>
  (line) =>
    give(line, { content });

export const gives =
  (answer: ChatAnswer): Script =>
  (line) =>
    give(line, answer);

/** An error of the provider. */
export const refuses =
  (status: number, headers: Record<string, string> = {}): Script =>
  (line) =>
    line.json(status, { error: { message: 'It did not work.', type: 'server_error' } }, headers);

/** Never answers. */
export const hangs: Script = () => undefined;

export const later =
  (ms: number, script: Script): Script =>
  async (line, n) => {
    await delay(ms);
    return script(line, n);
  };

/** Begins a stream, and breaks it off after this text. */
export const breaksOff =
  (content: string): Script =>
  (line) => {
    line.startStream();
    line.text(content);
    setTimeout(() => line.socket.resetAndDestroy(), 5);
  };

/** Does what the n-th script says with the n-th request; the last one stays. */
export const inTurn =
  (...scripts: readonly Script[]): Script =>
  (line, n) =>
    scripts[Math.min(n, scripts.length - 1)]?.(line, n);
