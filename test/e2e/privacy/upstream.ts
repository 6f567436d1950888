import { type Line, startUpstream, type Upstream } from '../../support/upstream.ts';
import { words } from './words.ts';

/** What the provider does, by the model's id. Whatever goes wrong, it repeats all that it was told. */
export const faults = ['rejects', 'breaks', 'refuses-the-key', 'talks-nonsense', 'breaks-off'] as const;

const statuses: Partial<Record<string, number>> = { rejects: 400, breaks: 500, 'refuses-the-key': 401 };

export const startTellingUpstream = (): Promise<Upstream> => startUpstream(tell);

function tell(line: Line): void {
  const { body } = line.request;
  const model = /"model":"([^"]*)"/.exec(body)?.[1] ?? '';
  const echo = `${JSON.stringify(line.request.headers)} ${body}`;
  const status = statuses[model];
  if (status !== undefined) return line.json(status, { error: { message: echo, type: 'odd', code: 'odd' } });
  if (model === 'talks-nonsense') return line.json(200, `${echo} {`);
  if (body.includes('"stream":true')) return stream(line, model, echo);
  if (model !== 'breaks-off') return line.json(200, answer('message', 'stop'));
  line.send(`HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{"echo":${JSON.stringify(echo)}`);
  line.socket.end();
}

function stream(line: Line, model: string, echo: string): void {
  line.startStream();
  line.event(answer('delta', null));
  if (model === 'breaks-off') line.event({ error: { message: echo, code: 'odd' } });
  else line.finish();
}

const said = {
  role: 'assistant',
  reasoning_content: `thought ${words.answered}`,
  content: `said ${words.answered}`,
  tool_calls: [
    { index: 0, id: 'c-9', type: 'function', function: { name: 'look', arguments: `{"q":"${words.answered}"}` } },
  ],
};

const answer = (field: 'message' | 'delta', finish: string | null) => ({
  id: 'chatcmpl-1',
  model: 'answers-2026',
  choices: [{ index: 0, [field]: said, finish_reason: finish }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
});
