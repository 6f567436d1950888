import type { Effort } from '../grammar/efforts.ts';
import type { Sampling } from '../grammar/sampling.ts';

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
  /** Takes `response_format` json_object. Default: it does. */
  readonly jsonObject?: boolean;
  /** The values of `reasoning_effort` that are taken. Empty: it does not take the field. */
  readonly efforts: readonly Effort[];
  /** When `temperature` and `top_p` are taken. */
  readonly sampling: Sampling;
  /** The highest `temperature` that is taken. Undefined: 2. */
  readonly maxTemperature?: number;
  /** Takes function tools only together with `reasoning_effort` "none". */
  readonly toolsWithoutReasoning: boolean;
  /** The most stop texts that are taken. */
  readonly maxStops: number;
  readonly topK: boolean;
  /** The most characters that the id of a tool call may have. */
  readonly maxToolCallId: number;
  /** Takes ids of tool calls of exactly nine letters and digits only. Default: it takes any that are short enough. */
  readonly nineLetterIds?: boolean;
  /** Wants the reasoning of earlier assistant messages back as `reasoning_content`. */
  readonly replayReasoning: boolean;
  /** Wants signed or encrypted reasoning back as `reasoning_details`. */
  readonly replayReasoningDetails: boolean;
  /** The model's name as the wire has it. Undefined: as the gateway knows it. */
  readonly wireModel?: (model: string) => string;
  /** The opposite, for the name that an answer reports. */
  readonly shortModel?: (reported: string) => string;
  /** How reasoning is asked for: `reasoning_effort`, or the object `reasoning`. Undefined: the former. */
  readonly reasoningField?: 'reasoning_effort' | 'reasoning';
  /** Leaves reasoning out of `completion_tokens`, though not out of `total_tokens`. */
  readonly reasoningOutsideOutput?: boolean;
  /** Says in `usage.cost` what the answer cost, in US dollars. */
  readonly reportedCost?: boolean;
  /** Takes `prompt_cache_key`. Default: it is not told. */
  readonly promptCacheKey?: boolean;
  /** The field with which a part says that prompts are to be kept up to its end. Undefined: it is not told. */
  readonly cacheMark?: 'cache_control' | 'prompt_cache_breakpoint';
  /** The name of the field for a seed; `none`: it takes none. Undefined: `seed`. */
  readonly seedField?: 'seed' | 'random_seed' | 'none';
  /** Its word for a tool choice that wants some tool called; `none`: no call can be forced. Undefined: `required`. */
  readonly requiredTool?: 'required' | 'any' | 'none';
  /** Knows no `refusal` parts. */
  readonly refusalsAsText?: boolean;
  /** The formats of sound that are taken. Undefined: WAV and MP3. */
  readonly audioFormats?: readonly string[];
  /** Fields, besides the usual ones, that options may not set. */
  readonly alsoOwned?: readonly string[];
  /** How documents are taken. Undefined: as data. */
  readonly documents?: 'data' | 'data_or_url' | 'none';
}
