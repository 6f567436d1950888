import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/**
 * OpenAI's words, and those that servers of the same format use besides.
 *
 * Sources (2026-11-21): openai 7.55.0 resources/chat/completions; the API references of Mistral (model_length),
 * DeepSeek (insufficient_system_resource), Together (eos) and z.ai (network_error, model_context_window_exceeded).
 */
const reasons = new Map([
  ['stop', FinishReason.STOP],
  ['end', FinishReason.STOP],
  ['eos', FinishReason.STOP],
  ['length', FinishReason.LENGTH],
  ['model_length', FinishReason.LENGTH],
  ['model_context_window_exceeded', FinishReason.LENGTH],
  ['tool_calls', FinishReason.TOOL_CALLS],
  ['function_call', FinishReason.TOOL_CALLS],
  ['content_filter', FinishReason.CONTENT_FILTER],
  ['error', FinishReason.ERROR],
  ['network_error', FinishReason.ERROR],
  ['insufficient_system_resource', FinishReason.ERROR],
]);

export const finishReason = (word: string): FinishReason => reasons.get(word) ?? FinishReason.OTHER;
