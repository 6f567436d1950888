import { ApiError, type Candidate, type GenerateContentResponse, GoogleGenAI, type Part } from '@google/genai';
import type { Exchange } from '../../support/recordings.ts';
import { object, objects, text } from '../../support/recordings-json.ts';
import { unifiedFinish } from './finish.ts';
import { argumentsValue, type ReadFailure, type Reading, type ReadUsage } from './reading.ts';

const ASKED = { model: 'some-model', contents: 'hello' };

/** What the package `@google/genai` makes of a recorded answer. Errors: those of the package. */
export async function officialGenerate({ mode }: Exchange, baseUrl: string): Promise<Reading> {
  const client = new GoogleGenAI({
    apiKey: 'test-official',
    apiVersion: 'v1',
    httpOptions: { baseUrl: baseUrl.replace(/\/v1$/, ''), retryOptions: { attempts: 1 } },
  });
  if (mode !== 'stream') return readingOf([await client.models.generateContent(ASKED)]);
  const chunks: GenerateContentResponse[] = [];
  for await (const chunk of await client.models.generateContentStream(ASKED)) chunks.push(chunk);
  return readingOf(chunks);
}

/** A streamed answer is several responses: their parts follow each other, and the last usage counts. */
function readingOf(responses: readonly GenerateContentResponse[]): Reading {
  const candidates: Candidate[] = responses.flatMap((one) => one.candidates?.[0] ?? []);
  const parts: Part[] = candidates.flatMap((one) => one.content?.parts ?? []);
  const words = (thought: boolean) =>
    parts.map((part) => ((part.thought ?? false) === thought ? (part.text ?? '') : '')).join('');
  const toolCalls = parts.flatMap(({ functionCall: call }) =>
    call ? [{ id: call.id ?? '', name: call.name ?? '', arguments: call.args ?? {} }] : [],
  );
  const finish: string = candidates.findLast((one) => one.finishReason)?.finishReason ?? '';
  return {
    text: words(false),
    reasoning: words(true),
    refusal: '',
    toolCalls,
    finish,
    unified: unifiedFinish('generate', finish, { refusal: '', calls: toolCalls.length }),
    usage: usageOf(responses.findLast((one) => one.usageMetadata)?.usageMetadata),
  };
}

/** `candidatesTokenCount` does not have the thoughts, and `promptTokenCount` not what tools brought in. */
function usageOf(usage: GenerateContentResponse['usageMetadata']): ReadUsage | undefined {
  if (!usage) return undefined;
  const reasoning = usage.thoughtsTokenCount ?? 0;
  const input = (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0);
  const output = (usage.candidatesTokenCount ?? 0) + reasoning;
  return {
    input,
    output,
    total: usage.totalTokenCount ?? input + output,
    cached: usage.cachedContentTokenCount ?? 0,
    cacheWrite: 0,
    reasoning,
  };
}

/** A failure of this package's. Its message is the body, in which Google says how long to wait. */
export function googleFailure(error: Error): ReadFailure {
  const body = object(argumentsValue(error.message));
  const details = objects(object(body.error).details);
  const delay = text(details.find((one) => text(one['@type']).endsWith('RetryInfo'))?.retryDelay);
  return {
    thrown: error.constructor.name,
    status: error instanceof ApiError ? error.status : undefined,
    retryMs: delay === '' ? undefined : Math.round(Number.parseFloat(delay) * (delay.endsWith('ms') ? 1 : 1000)),
    message: error.message,
  };
}
