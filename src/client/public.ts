// biome-ignore-all lint/performance/noBarrelFile: what `antiphon/client` gives to those who import it
export type { StreamEvent } from './answer.ts';
export type { CallSettings, CompleteInit } from './call-context.ts';
export {
  type AntiphonClient,
  type CallOptions,
  type ClientSettings,
  createClient,
  type ModelFilter,
} from './client.ts';
export { AntiphonError, type ErrorCode, type FieldViolation, type Reason } from './error.ts';
export { assistant, type Content, system, textOf, toolResult, user } from './messages.ts';
export type { CompletionStream, TextOptions } from './stream.ts';
