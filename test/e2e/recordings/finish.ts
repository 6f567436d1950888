import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import type { Exchange } from '../../support/recordings.ts';

const { STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER, PAUSED, ERROR, OTHER } = FinishReason;

/**
 * What the contract calls each provider's word for the end. Written from the providers' own lists of their words, not
 * from the gateway's tables. Sources (2026-11-21): the npm packages openai 7.55.0 (resources/chat/completions,
 * resources/responses), @anthropic-ai/sdk 1.11.0 (resources/messages), @google/genai 3.1.0 (FinishReason); Together's
 * API reference for "eos".
 */
const words: Readonly<Record<Exclude<Exchange['endpoint'], 'models'>, Readonly<Record<string, FinishReason>>>> = {
  chat: {
    stop: STOP,
    eos: STOP,
    length: LENGTH,
    tool_calls: TOOL_CALLS,
    function_call: TOOL_CALLS,
    content_filter: CONTENT_FILTER,
    error: ERROR,
  },
  responses: {
    completed: STOP,
    max_output_tokens: LENGTH,
    content_filter: CONTENT_FILTER,
    failed: ERROR,
    cancelled: ERROR,
  },
  messages: {
    end_turn: STOP,
    stop_sequence: STOP,
    max_tokens: LENGTH,
    model_context_window_exceeded: LENGTH,
    tool_use: TOOL_CALLS,
    refusal: CONTENT_FILTER,
    pause_turn: PAUSED,
    compaction: PAUSED,
  },
  generate: {
    STOP,
    MAX_TOKENS: LENGTH,
    SAFETY: CONTENT_FILTER,
    RECITATION: CONTENT_FILTER,
    BLOCKLIST: CONTENT_FILTER,
    PROHIBITED_CONTENT: CONTENT_FILTER,
    SPII: CONTENT_FILTER,
    IMAGE_SAFETY: CONTENT_FILTER,
    CONTINUATION: PAUSED,
    MALFORMED_FUNCTION_CALL: ERROR,
    UNEXPECTED_TOOL_CALL: ERROR,
    TOO_MANY_TOOL_CALLS: ERROR,
    MALFORMED_RESPONSE: ERROR,
  },
};

/** Those that have no word of their own for an end with tool calls. */
const SILENT_OF_TOOLS = ['responses', 'generate'];

/** The contract's word for the end of an answer. */
export function unifiedFinish(
  endpoint: Exchange['endpoint'],
  word: string,
  { refusal, calls }: { readonly refusal: string; readonly calls: number },
): FinishReason {
  if (endpoint === 'models') throw new Error('a listing has no finish reason');
  const reason = words[endpoint][word] ?? OTHER;
  if (reason !== STOP) return reason;
  if (refusal !== '') return CONTENT_FILTER;
  return calls > 0 && SILENT_OF_TOOLS.includes(endpoint) ? TOOL_CALLS : STOP;
}
