import type { Effort } from '../grammar/efforts.ts';

/** What differs between the places and models that speak OpenAI's chat format. */
export interface OpenAiChatQuirks {
  /** Undefined: the model is offered by this format. Else what to use instead, as the end of a sentence. */
  readonly useInstead: string | undefined;
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** The role that instructions are sent under; `as_given`: both are known. */
  readonly instructions: 'system' | 'developer' | 'as_given';
  /** Takes `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** Pads stream events unless `stream_options.include_obfuscation` is false. */
  readonly obfuscation: boolean;
  /** Takes `response_format` json_schema. */
  readonly jsonSchema: boolean;
  /** The values of `reasoning_effort` that are taken. Empty: it does not take the field. */
  readonly efforts: readonly Effort[];
  /** When `temperature` and `top_p` are taken. */
  readonly sampling: 'always' | 'effort_none' | 'never';
  /** Takes function tools only together with `reasoning_effort` "none". */
  readonly toolsWithoutReasoning: boolean;
  /** The most stop texts that are taken. */
  readonly maxStops: number;
  readonly topK: boolean;
  /** The most characters that the id of a tool call may have. */
  readonly maxToolCallId: number;
  /** Wants the reasoning of earlier assistant messages back as `reasoning_content`. */
  readonly replayReasoning: boolean;
  /** Wants signed or encrypted reasoning back as `reasoning_details`. */
  readonly replayReasoningDetails: boolean;
}
