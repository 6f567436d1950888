import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/** The words for an end that is no failure: a status, or why a response is incomplete. */
const reasons = new Map([
  ['completed', FinishReason.STOP],
  ['max_output_tokens', FinishReason.LENGTH],
  ['content_filter', FinishReason.CONTENT_FILTER],
]);

/** A complete response says neither that it refused nor that it waits for tools: its items do. */
export function finishReason(word: string, said: { readonly refused: boolean; readonly calls: number }): FinishReason {
  const reason = reasons.get(word) ?? FinishReason.ERROR;
  if (reason !== FinishReason.STOP) return reason;
  if (said.refused) return FinishReason.CONTENT_FILTER;
  return said.calls > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
}
