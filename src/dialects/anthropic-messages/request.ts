import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { adjusted, dropped } from '../../core/warnings.ts';
import { isJsonObject } from '../../wire/json.ts';
import type { WireRequest } from '../dialect.ts';
import { addOptions } from '../grammar/options.ts';
import { Warnings } from '../grammar/warnings.ts';
import type { Order } from './arrange.ts';
import { CacheMarks } from './cache-marks.ts';
import { wireConversation } from './messages.ts';
import { owned } from './owned.ts';
import type { AnthropicMessagesQuirks } from './quirks.ts';
import { wireFormat } from './response-format.ts';
import { wireSampling } from './sampling.ts';
import { thinks, wireThinking } from './thinking.ts';
import { ToolIds } from './tool-ids.ts';
import { wireTools } from './tools.ts';
import { callsAreUnsigned } from './unsigned-calls.ts';

/** A request as the body of `POST /messages`. Errors: `invalid_request`, `model_lacks_ability`. */
export function toWire(
  request: CompleteRequest,
  target: Target,
  stream: boolean,
  quirks: AnthropicMessagesQuirks,
): WireRequest {
  const warnings = new Warnings();
  const options = request.providerOptions[target.provider];
  const { thinking, effort, maxTokens } = wireThinking(
    request,
    quirks,
    callsAreUnsigned(request.messages, target),
    warnings,
  );
  const { format, instruction, unenforced } = wireFormat(request.responseFormat, quirks, warnings);
  const order = { ...quirks, prefill: quirks.prefill && !thinks(thinking) };
  const config = { ...(effort ? { effort } : {}), ...(format ? { format } : {}) };
  const body: JsonObject = {
    model: target.model.toWellFormed(),
    max_tokens: maxTokens,
    ...said(request, order, instruction, options?.cache_control ? MOST_MARKS - 1 : MOST_MARKS, target, warnings),
    ...(thinking ? { thinking } : {}),
    ...(effort || format ? { output_config: config } : {}),
    ...wireSampling(request, quirks, thinks(thinking), warnings),
    ...stopAndSeed(request, warnings),
    ...wireTools(request, quirks, thinking?.type === 'enabled', warnings),
    ...(stream || maxTokens > MOST_UNSTREAMED_TOKENS ? { stream: true } : {}),
  };
  addOptions(body, options, target.provider, owned);
  removeTypeless(body, target.provider, warnings);
  return { path: '/messages', body, warnings: warnings.all, ...(unenforced ? { unenforced } : {}) };
}

/** How thinking is shown can only be told with how much the model is to think. */
function removeTypeless(body: JsonObject, provider: string, warnings: Warnings): void {
  if (body.thinking === undefined || (isJsonObject(body.thinking) && body.thinking.type !== undefined)) return;
  delete body.thinking;
  const field = `provider_options["${provider}"].thinking`;
  warnings.add(
    dropped(field, 'How thinking is shown was not sent: it needs a reasoning effort or a budget beside it.'),
  );
}

/** An option may have the whole prompt cached, which counts as one of these. */
const MOST_MARKS = 4;

/**
 * More could take longer than ten minutes, which a connection without a sign of life may not last: the answer is then
 * streamed, also to a caller who waits for the whole. Source: the npm package @anthropic-ai/sdk 1.11.0, client.mjs,
 * which refuses to do otherwise (2026-11-21).
 */
const MOST_UNSTREAMED_TOKENS = 21_333;

/** The fields `system` and `messages`. */
function said(
  { messages }: CompleteRequest,
  order: Order,
  instruction: string | undefined,
  mostMarks: number,
  target: Target,
  warnings: Warnings,
): JsonObject {
  const marks = new CacheMarks(warnings);
  const wire = wireConversation(messages, order, { target, warnings, marks, ids: new ToolIds() });
  marks.settle(mostMarks);
  const system = [...wire.system, ...(instruction === undefined ? [] : [{ type: 'text', text: instruction }])];
  return { ...(system.length > 0 ? { system } : {}), messages: wire.messages };
}

function stopAndSeed(request: CompleteRequest, warnings: Warnings): JsonObject {
  const stops = request.stop.filter((text) => text.trim() !== '').map((text) => text.toWellFormed());
  if (stops.length < request.stop.length)
    warnings.add(adjusted('stop', 'Stop texts of white space only were not sent: the provider refuses them.'));
  if (request.seed !== undefined) warnings.add(dropped('seed', 'seed was not sent: the provider does not take it.'));
  return stops.length > 0 ? { stop_sequences: stops } : {};
}
