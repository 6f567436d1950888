import Anthropic, { APIError } from '@anthropic-ai/sdk';
import type { Exchange } from '../../support/recordings.ts';
import { unifiedFinish } from './finish.ts';
import { headerWaitMs, type ReadFailure, type Reading, type ReadUsage } from './reading.ts';

const ASKED = { model: 'some-model', max_tokens: 16, messages: [{ role: 'user' as const, content: 'hello' }] };

/** What the package `@anthropic-ai/sdk` makes of a recorded message. Errors: those of the package. */
export async function officialMessages({ mode }: Exchange, baseURL: string): Promise<Reading> {
  // The package's own base has no version, and its paths do.
  const client = new Anthropic({ apiKey: 'sk-test-official', baseURL: baseURL.replace(/\/v1$/, ''), maxRetries: 0 });
  if (mode !== 'stream') return readingOf(await client.messages.create({ ...ASKED, stream: false }));
  return readingOf(await client.messages.stream(ASKED).finalMessage());
}

function readingOf({ content, stop_reason: reason, usage }: Anthropic.Message): Reading {
  const toolCalls = content.flatMap((block) =>
    block.type === 'tool_use' ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
  );
  const finish: string = reason ?? '';
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    reasoning: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    refusal: '',
    toolCalls,
    finish,
    unified: unifiedFinish('messages', finish, { refusal: '', calls: toolCalls.length }),
    usage: usageOf(usage),
  };
}

/** Unlike elsewhere, `input_tokens` has neither what was read from the cache nor what was written to it. */
function usageOf(usage: Anthropic.Usage): ReadUsage {
  const cached = usage.cache_read_input_tokens ?? 0;
  const cacheWrite = usage.cache_creation_input_tokens ?? 0;
  const input = usage.input_tokens + cached + cacheWrite;
  const reasoning = usage.output_tokens_details?.thinking_tokens ?? 0;
  return { input, output: usage.output_tokens, total: input + usage.output_tokens, cached, cacheWrite, reasoning };
}

/** A failure of this package's. */
export function anthropicFailure(error: Error): ReadFailure {
  const known = error instanceof APIError ? error : undefined;
  return {
    thrown: error.constructor.name,
    status: known?.status,
    retryMs: headerWaitMs(known?.headers),
    message: error.message,
  };
}
