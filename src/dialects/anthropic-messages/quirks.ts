import type { Effort } from '../grammar/efforts.ts';

/** What differs between the models that speak the Messages API. */
export interface AnthropicMessagesQuirks {
  /** What `max_tokens`, which is required, is where the caller sets none. */
  readonly defaultMaxTokens: number;
  /** The most that `max_tokens` may be; undefined: not known. */
  readonly mostTokens: number | undefined;
  /** Whether `temperature`, `top_p` and `top_k` are taken; `one`: not `temperature` together with `top_p`. */
  readonly sampling: 'both' | 'one' | 'never';
  /** The values of `output_config.effort`, which go with adaptive thinking. Empty: neither is taken. */
  readonly efforts: readonly Effort[];
  /** Takes `thinking` with a budget in tokens. */
  readonly budget: boolean;
  /** What comes nearest to not thinking; `always`: the model cannot be kept from it. */
  readonly withoutThinking: 'disabled' | 'between_tools' | 'always';
  /** Takes a `tool_choice` that forces a call. */
  readonly forcedTools: boolean;
  /** Goes on with an assistant message at the end of the conversation. */
  readonly prefill: boolean;
  /** Takes `output_config.format` and strict tools. */
  readonly jsonSchema: boolean;
  /** Takes messages of the role `system` within the conversation. */
  readonly systemMessages: boolean;
}
