import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { WireRequest } from '../dialect.ts';
import { addOptions } from '../grammar/options.ts';
import { Warnings } from '../grammar/warnings.ts';
import { wireInput } from './input.ts';
import { owned } from './owned.ts';
import type { OpenAiResponsesQuirks } from './quirks.ts';
import { wireThinking } from './reasoning.ts';
import { wireTextFormat } from './text-format.ts';
import { wireTools } from './tools.ts';

/**
 * A request as the body of `POST /responses`. Nothing is stored there; reasoning comes back sealed instead. Errors:
 * `invalid_request`, `model_lacks_ability`.
 */
export function toWire(
  request: CompleteRequest,
  target: Target,
  stream: boolean,
  quirks: OpenAiResponsesQuirks,
): WireRequest {
  const warnings = new Warnings();
  const { promptCacheKey } = request;
  const body: JsonObject = {
    model: target.model.toWellFormed(),
    input: wireInput(request.messages, target, quirks, warnings),
    store: false,
    ...(quirks.reasons ? { include: ['reasoning.encrypted_content'] } : {}),
    ...maxTokens(request, warnings),
    ...wireTools(request),
    ...wireTextFormat(request.responseFormat),
    ...wireThinking(request, quirks, warnings),
    ...(promptCacheKey === '' ? {} : { prompt_cache_key: promptCacheKey.toWellFormed() }),
    ...(stream ? { stream: true, stream_options: { include_obfuscation: false } } : {}),
  };
  warnOfUnknown(request, warnings);
  addOptions(body, request.providerOptions[target.provider], target.provider, owned);
  return { path: '/responses', body, warnings: warnings.all };
}

/** Source: https://github.com/earendil-works/pi/issues/6265, which quotes the provider's refusal (2026-11-21). */
const MIN_OUTPUT_TOKENS = 16;

function maxTokens({ maxTokens }: CompleteRequest, warnings: Warnings): JsonObject {
  if (maxTokens === undefined) return {};
  if (maxTokens < MIN_OUTPUT_TOKENS)
    warnings.add(
      adjusted('max_tokens', `max_tokens was sent as ${MIN_OUTPUT_TOKENS}: the Responses API takes no less.`),
    );
  return { max_output_tokens: Math.max(maxTokens, MIN_OUTPUT_TOKENS) };
}

function warnOfUnknown({ stop, seed, topK }: CompleteRequest, warnings: Warnings): void {
  const unknown = { stop: stop.length > 0, seed: seed !== undefined, top_k: topK !== undefined };
  for (const [field, given] of Object.entries(unknown))
    if (given) warnings.add(dropped(field, `${field} was not sent: the Responses API does not take it.`));
}
