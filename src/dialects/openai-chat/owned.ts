/**
 * Fields that options may not set: the contract has a place for them, or they would let another model answer than the
 * one that governance allowed, or change what shape the answer has. `top_k` is not among them: it is how to give it to
 * a server that takes it.
 */
export const owned: ReadonlySet<string> = new Set([
  'model',
  'models',
  'route',
  'fallbacks',
  'preset',
  'messages',
  'stream',
  'stream_options',
  'n',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'response_format',
  'reasoning_effort',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'stop',
  'seed',
]);
