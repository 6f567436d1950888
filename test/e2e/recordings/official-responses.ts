import OpenAI from 'openai';
import type { Exchange } from '../../support/recordings.ts';
import { unifiedFinish } from './finish.ts';
import { argumentsValue, type ReadCall, type Reading, type ReadUsage } from './reading.ts';

type Response = OpenAI.Responses.Response;

const ASKED = { model: 'some-model', input: 'hello' };

/** What the package `openai` makes of a recorded response. Errors: those of the package. */
export async function officialResponses({ mode }: Exchange, baseURL: string): Promise<Reading> {
  const client = new OpenAI({ apiKey: 'sk-test-official', baseURL, maxRetries: 0 });
  if (mode !== 'stream') return readingOf(await client.responses.create({ ...ASKED, stream: false }));
  return readingOf(await client.responses.stream(ASKED).finalResponse());
}

function readingOf(response: Response): Reading {
  const said = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  const text = said.map((part) => (part.type === 'output_text' ? part.text : '')).join('');
  const refusal = said.map((part) => (part.type === 'refusal' ? part.refusal : '')).join('');
  const toolCalls = callsOf(response);
  const finish: string = response.incomplete_details?.reason ?? response.status ?? '';
  return {
    text,
    reasoning: reasoningOf(response),
    refusal,
    toolCalls,
    finish,
    unified: unifiedFinish('responses', finish, { refusal, calls: toolCalls.length }),
    usage: usageOf(response.usage),
  };
}

const callsOf = ({ output }: Response): ReadCall[] =>
  output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ id: item.call_id, name: item.name, arguments: argumentsValue(item.arguments) }]
      : [],
  );

/** Parts of a summary are paragraphs. */
const reasoningOf = ({ output }: Response): string =>
  output
    .flatMap((item) => (item.type === 'reasoning' ? [...item.summary, ...(item.content ?? [])] : []))
    .map((part) => part.text)
    .join('\n\n');

function usageOf(usage: Response['usage']): ReadUsage | undefined {
  return (
    usage && {
      input: usage.input_tokens,
      output: usage.output_tokens,
      total: usage.total_tokens,
      cached: usage.input_tokens_details?.cached_tokens ?? 0,
      cacheWrite: usage.input_tokens_details?.cache_write_tokens ?? 0,
      reasoning: usage.output_tokens_details?.reasoning_tokens ?? 0,
    }
  );
}
