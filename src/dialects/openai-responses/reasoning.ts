import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Effort } from '../grammar/efforts.ts';
import { sampled } from '../grammar/sampling.ts';
import { sentEffort } from '../grammar/sent-effort.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiResponsesQuirks } from './quirks.ts';

/**
 * `reasoning`, and what hangs on it: `temperature` and `top_p`. A summary of the reasoning is asked for where the
 * request says how much to think.
 */
export function wireThinking(request: CompleteRequest, quirks: OpenAiResponsesQuirks, warnings: Warnings): JsonObject {
  const effort = sentEffort(request.reasoning, quirks.efforts, warnings);
  return {
    ...(effort ? { reasoning: reasoning(effort) } : {}),
    ...sampled(request, quirks.sampling, effort, warnings),
  };
}

const reasoning = (effort: Effort): JsonObject => (effort === 'none' ? { effort } : { effort, summary: 'auto' });
