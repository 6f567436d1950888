/**
 * Fields that options may not set: the contract has a place for them, or they would let another model answer than the
 * one that governance allowed, bring in a conversation that is kept elsewhere, or change what shape the answer has.
 */
export const owned: ReadonlySet<string> = new Set([
  'model',
  'input',
  'instructions',
  'prompt',
  'previous_response_id',
  'conversation',
  'background',
  'include',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text.format',
  'reasoning.effort',
  'max_output_tokens',
  'temperature',
  'top_p',
  'prompt_cache_key',
]);
