import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';

/** A content filter ended the answer. */
export const UNSAFE = 'ALTERNATIVE_STATUS_CONTENT_FILTER';

const PARTIAL = 'ALTERNATIVE_STATUS_PARTIAL';

/** Source: the npm package @yandex-cloud/nodejs-sdk 3.2.0, foundation_models/v1/text_common.d.ts (2026-11-21). */
const reasons = new Map([
  ['ALTERNATIVE_STATUS_FINAL', FinishReason.STOP],
  ['ALTERNATIVE_STATUS_TRUNCATED_FINAL', FinishReason.LENGTH],
  ['ALTERNATIVE_STATUS_TOOL_CALLS', FinishReason.TOOL_CALLS],
  [UNSAFE, FinishReason.CONTENT_FILTER],
  ['ALTERNATIVE_STATUS_UNSPECIFIED', FinishReason.ERROR],
]);

export const finishReason = (status: string): FinishReason => reasons.get(status) ?? FinishReason.OTHER;

/** Whether nothing comes after an alternative of this status. */
export const isFinal = (status: string): boolean => status !== '' && status !== PARTIAL;
