import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/** Source: the npm package @google/genai 3.1.0, dist/genai.d.ts, FinishReason (2026-11-21). */
const reasons = new Map([
  ['STOP', FinishReason.STOP],
  ['MAX_TOKENS', FinishReason.LENGTH],
  ['SAFETY', FinishReason.CONTENT_FILTER],
  ['RECITATION', FinishReason.CONTENT_FILTER],
  ['BLOCKLIST', FinishReason.CONTENT_FILTER],
  ['PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
  ['SPII', FinishReason.CONTENT_FILTER],
  ['IMAGE_SAFETY', FinishReason.CONTENT_FILTER],
  ['IMAGE_PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
  ['IMAGE_RECITATION', FinishReason.CONTENT_FILTER],
  ['CONTINUATION', FinishReason.PAUSED],
  ['MALFORMED_FUNCTION_CALL', FinishReason.ERROR],
  ['UNEXPECTED_TOOL_CALL', FinishReason.ERROR],
  ['TOO_MANY_TOOL_CALLS', FinishReason.ERROR],
  ['MALFORMED_RESPONSE', FinishReason.ERROR],
]);

export const finishReason = (word: string): FinishReason => reasons.get(word) ?? FinishReason.OTHER;
