import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/** Source: the npm package @anthropic-ai/sdk 1.11.0, resources/messages, StopReason; `compaction` is of a beta (2026-11-21). */
const reasons = new Map([
  ['end_turn', FinishReason.STOP],
  ['stop_sequence', FinishReason.STOP],
  ['max_tokens', FinishReason.LENGTH],
  ['model_context_window_exceeded', FinishReason.LENGTH],
  ['tool_use', FinishReason.TOOL_CALLS],
  ['refusal', FinishReason.CONTENT_FILTER],
  ['pause_turn', FinishReason.PAUSED],
  ['compaction', FinishReason.PAUSED],
]);

export const finishReason = (word: string): FinishReason => reasons.get(word) ?? FinishReason.OTHER;
