/**
 * Fields that options may not set: the contract has a place for them, or they would let another model answer than the
 * one that governance allowed. How thinking is shown, `thinking.display`, is not among them.
 */
export const owned: ReadonlySet<string> = new Set([
  'model',
  'fallbacks',
  'messages',
  'system',
  'max_tokens',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'thinking.type',
  'thinking.budget_tokens',
  'tools',
  'tool_choice',
  'output_config.effort',
  'output_config.format',
  'output_format',
]);
