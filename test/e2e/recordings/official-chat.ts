import OpenAI, { APIError } from 'openai';
import type { Exchange } from '../../support/recordings.ts';
import { array, object, objects, text } from '../../support/recordings-json.ts';
import { unifiedFinish } from './finish.ts';
import {
  argumentsValue,
  headerWaitMs,
  type ReadCall,
  type ReadFailure,
  type Reading,
  type ReadUsage,
} from './reading.ts';

/** What the answer is asked with does not matter: the upstream replays the recording. */
const ASKED = { model: 'some-model', messages: [{ role: 'user' as const, content: 'hello' }] };

/** What the package `openai` makes of a recorded chat completion. Errors: those of the package. */
export const officialChat = ({ mode }: Exchange, baseURL: string): Promise<Reading> =>
  readChat(ASKED, mode === 'stream', baseURL);

/** What it makes of the answer to a request. Errors: those of the package. */
export async function readChat(asked: typeof ASKED, isStream: boolean, baseURL: string): Promise<Reading> {
  const client = new OpenAI({ apiKey: 'sk-test-official', baseURL, maxRetries: 0 });
  if (!isStream) return bodyReading(await client.chat.completions.create({ ...asked, stream: false }));
  const reasoning: string[] = [];
  try {
    const stream = client.chat.completions.stream({ ...asked, stream: true });
    stream.on('chunk', (chunk) => reasoning.push(reasoningOf(chunk.choices[0]?.delta)));
    const reading = bodyReading(await stream.finalChatCompletion());
    return { ...reading, reasoning: reasoning.join('') };
  } catch (error) {
    if (!(error instanceof Error) || !TOO_STRICT.test(error.message)) throw error;
    return plainStream(client, asked);
  }
}

/** Its accumulator insists on a role, and on the type of a tool call, which some servers leave out. */
const TOO_STRICT = /^missing role|^tool call snapshot missing `type`/;

/** What its plain stream gives, put together here. */
async function plainStream(client: OpenAI, asked: typeof ASKED): Promise<Reading> {
  const heard = { text: '', reasoning: '', finish: '' };
  const calls: { id: string; name: string; arguments: string }[] = [];
  let usage: ReadUsage | undefined;
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    const [choice] = chunk.choices;
    heard.text += choice?.delta.content ?? '';
    heard.reasoning += reasoningOf(choice?.delta);
    heard.finish = choice?.finish_reason ?? heard.finish;
    usage = usageOf(chunk.usage) ?? usage;
    for (const { index, id, function: called } of choice?.delta.tool_calls ?? []) {
      const call = calls[index] ?? { id: '', name: '', arguments: '' };
      calls[index] = {
        id: call.id || (id ?? ''),
        name: call.name || (called?.name ?? ''),
        arguments: call.arguments + (called?.arguments ?? ''),
      };
    }
  }
  const toolCalls = calls.map((call) => ({ ...call, arguments: argumentsValue(call.arguments) }));
  const unified = unifiedFinish('chat', heard.finish, { refusal: '', calls: calls.length });
  return { ...heard, refusal: '', toolCalls, unified, usage };
}

function bodyReading({ choices, usage }: OpenAI.ChatCompletion): Reading {
  const [choice] = choices;
  const { content, refusal } = choice?.message ?? {};
  const toolCalls = callsOf(choice?.message);
  const finish: string = choice?.finish_reason ?? '';
  return {
    text: content ?? '',
    reasoning: reasoningOf(choice?.message),
    refusal: refusal ?? '',
    toolCalls,
    finish,
    unified: unifiedFinish('chat', finish, { refusal: refusal ?? '', calls: toolCalls.length }),
    usage: usageOf(usage),
  };
}

/** The old `function_call` is a tool call without an id; one without a name is none. */
function callsOf(message: OpenAI.ChatCompletionMessage | undefined): ReadCall[] {
  const calls = (message?.tool_calls ?? []).flatMap((call) =>
    call.type === 'function' ? [{ id: call.id, ...call.function }] : [],
  );
  const legacy = message?.function_call;
  return [...calls, ...(legacy?.name ? [{ id: '', ...legacy }] : [])].map(({ id, name, arguments: given }) => ({
    id: id ?? '',
    name,
    arguments: argumentsValue(given),
  }));
}

/** The package has no field for it, but keeps what it does not know. The first that is not empty counts. */
function reasoningOf(message: unknown): string {
  const { reasoning_content: content, reasoning, reasoning_text: words, reasoning_details: details } = object(message);
  const summary = objects(details).map((one) => text(one.text) || text(one.summary));
  return text(content) || text(reasoning) || text(words) || summary.join('');
}

/** Cached tokens have three names: OpenAI's, DeepSeek's and Kimi's. */
function usageOf(usage: OpenAI.CompletionUsage | null | undefined): ReadUsage | undefined {
  if (!usage) return undefined;
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage;
  const details = object(usage.prompt_tokens_details);
  const named = [details.cached_tokens, object(usage).prompt_cache_hit_tokens, object(usage).cached_tokens];
  const reasoning = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  return {
    input,
    // xAI and Gemini leave it out of the output, which the total gives away.
    output: total === input + output + reasoning ? output + reasoning : output,
    total,
    cached: named.map(Number).find((count) => count > 0) ?? 0,
    cacheWrite: Number(details.cache_write_tokens ?? 0),
    reasoning,
  };
}

/** A failure of this package's. */
export function openAiFailure(error: Error): ReadFailure {
  const known = error instanceof APIError ? error : undefined;
  const [status] = array([known?.status]);
  return {
    thrown: error.constructor.name,
    status: typeof status === 'number' ? status : undefined,
    retryMs: headerWaitMs(known?.headers),
    message: error.message,
  };
}
