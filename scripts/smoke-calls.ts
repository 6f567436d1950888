import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { type CompleteResponse, CostStatus, Role } from '#gen/antiphon/v1/completion_pb.js';
import type { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';

export type Llm = Client<typeof LlmService>;

const TIMEOUT_MS = 60_000;

/** Enough for a model that thinks before it says a word. */
const MAX_TOKENS = 1_000;

/** Writes one line. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

const ms = (duration: number): string => `${Math.round(duration)} ms`;

const COLUMNS = [18, 28, 8, 10, 13, 8, 8] as const;

/** The cells of one line of the table. */
export const row = (...cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(COLUMNS[i] ?? 0))
    .join(' ')
    .trimEnd();

function costText({ cost }: CompleteResponse): string {
  if (!cost || cost.status === CostStatus.UNPRICED || cost.status === CostStatus.UNSPECIFIED) return 'unpriced';
  const usd = `$${(Number(cost.totalNanoUsd) / 1e9).toFixed(9)}`;
  return cost.status === CostStatus.REPORTED ? `${usd} (as reported)` : usd;
}

function report(model: string, mode: string, took: number, firstToken: number | undefined, answer: CompleteResponse) {
  const { usage } = answer;
  const tokens = [usage?.inputTokens, usage?.outputTokens].map(
    (count) => `${usage?.estimated ? '~' : ''}${count ?? '?'}`,
  );
  const [provider = '', id = ''] = [model.slice(0, model.indexOf('/')), model.slice(model.indexOf('/') + 1)];
  say(row(provider, id, mode, ms(took), firstToken === undefined ? '-' : ms(firstToken), ...tokens, costText(answer)));
}

const request = (model: string) => ({
  model,
  maxTokens: MAX_TOKENS,
  requestType: 'smoke',
  messages: [
    { role: Role.USER, content: [{ part: { case: 'text' as const, value: 'Answer with one word: hello.' } }] },
  ],
});

async function callUnary(llm: Llm, model: string): Promise<void> {
  const began = performance.now();
  const answer = await llm.complete(request(model), { timeoutMs: TIMEOUT_MS });
  if (answer.content.length === 0) throw new Error('the answer is empty');
  report(model, 'unary', performance.now() - began, undefined, answer);
}

async function callStream(llm: Llm, model: string): Promise<void> {
  const began = performance.now();
  let firstToken: number | undefined;
  let completed: CompleteResponse | undefined;
  for await (const { event } of llm.streamComplete(request(model), { timeoutMs: TIMEOUT_MS })) {
    if (event.case === 'completed') completed = event.value;
    else if (event.case !== 'start') firstToken ??= performance.now() - began;
  }
  if (!completed) throw new Error('the stream ended before it was whole');
  if (firstToken === undefined) throw new Error('the answer is empty');
  report(model, 'stream', performance.now() - began, firstToken, completed);
}

/** Calls a model both ways, and says how that went. False: something failed. */
export async function check(llm: Llm, model: string): Promise<boolean> {
  let well = true;
  for (const [mode, call] of [
    ['unary', callUnary],
    ['stream', callStream],
  ] as const) {
    try {
      await call(llm, model);
    } catch (error) {
      well = false;
      const { code, rawMessage } = ConnectError.from(error);
      say(`${model} ${mode}: FAILED, ${Code[code]}: ${rawMessage}`);
    }
  }
  return well;
}
