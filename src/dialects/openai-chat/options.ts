import type { JsonObject } from '@bufbuild/protobuf';
import { GatewayError } from '../../core/errors.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';

/**
 * Fields that options may not set: the contract has a place for them, or they would let another model answer than the
 * one that governance allowed, or change what shape the answer has. `top_k` is not among them: it is how to give it to
 * a server that takes it. No object is built here that options could add to, so there is nothing to merge more deeply.
 */
const owned = new Set([
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

const DESCRIPTION = 'is set by the contract; use its own field, or leave it out';

/**
 * Puts a provider's options into a body. Errors: `invalid_request` that names every field which options may not set.
 */
export function addOptions(body: JsonObject, options: JsonObject, provider: string): void {
  const refused = Object.keys(options).filter((key) => owned.has(key));
  if (refused.length > 0) throw refusal(refused.map((key) => `provider_options["${provider}"].${key}`));
  const clean = cleanJson(options);
  if (isJsonObject(clean)) Object.assign(body, clean);
}

const refusal = (fields: readonly string[]) =>
  new GatewayError('invalid_request', `${fields[0]} ${DESCRIPTION}.`, {
    violations: fields.map((field) => ({ field, description: DESCRIPTION })),
  });
