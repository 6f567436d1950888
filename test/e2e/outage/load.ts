import { type Attempt, BrokenStreamPolicy, Role, type StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { DoorClient } from '../../support/doors.ts';
import { TEXT } from './providers.ts';

export interface Load {
  readonly model: string;
  readonly callers: number;
  readonly callsEach: number;
  readonly deadlineMs: number;
}

export interface LoadResult {
  readonly calls: number;
  /** What was wrong with calls, one entry for each that was not answered whole. */
  readonly problems: readonly string[];
  /** Tries at providers, as the answers tell. */
  readonly tries: readonly Attempt[];
}

interface Outcome {
  readonly problem: string | undefined;
  readonly attempts: readonly Attempt[];
}

/** Callers that each make one call after the other, unary ones and streams in turn. */
export async function runLoad(client: DoorClient, load: Load): Promise<LoadResult> {
  const outcomes: Outcome[] = [];
  const caller = async (nth: number) => {
    for (let i = nth; i < nth + load.callsEach; i++) outcomes.push(await (i % 2 === 0 ? unary : stream)(client, load));
  };
  await Promise.all(Array.from({ length: load.callers }, (_, nth) => caller(nth)));
  return {
    calls: outcomes.length,
    problems: outcomes.flatMap(({ problem }) => problem ?? []),
    tries: outcomes.flatMap(({ attempts }) => attempts.filter(({ duration }) => duration !== undefined)),
  };
}

/** A stream that breaks off is to begin anew elsewhere: that it goes on at all is the caller's choice. */
const requestFor = (model: string) => ({
  model,
  messages: [{ role: Role.USER, content: [{ part: { case: 'text' as const, value: 'What does the river carry?' } }] }],
  onBrokenStream: BrokenStreamPolicy.RESTART,
});

async function unary(client: DoorClient, { model, deadlineMs: timeoutMs }: Load): Promise<Outcome> {
  const { error, messages } = await client.unary(LlmService.method.complete, requestFor(model), { timeoutMs });
  const [response] = messages;
  const part = response?.content[0]?.part;
  const isWhole = part?.case === 'text' && part.value === TEXT;
  return {
    problem: error ? `unary: ${error.message}` : isWhole ? undefined : 'unary: another text',
    attempts: response?.attempts ?? [],
  };
}

async function stream(client: DoorClient, { model, deadlineMs: timeoutMs }: Load): Promise<Outcome> {
  const { error, messages } = await client.stream(LlmService.method.streamComplete, requestFor(model), { timeoutMs });
  const last = messages.at(-1)?.event;
  return {
    problem: error ? `stream: ${error.message}` : textOf(messages) === TEXT ? undefined : 'stream: another text',
    attempts: last?.case === 'completed' ? last.value.attempts : [],
  };
}

/** That since the last restart. */
function textOf(messages: readonly StreamCompleteResponse[]): string {
  let text = '';
  for (const { event } of messages) {
    if (event.case === 'restart') text = '';
    if (event.case === 'textDelta') text += event.value.text;
  }
  return text;
}
