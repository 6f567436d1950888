import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { WireRequest } from '../dialect.ts';
import { addOptions } from '../grammar/options.ts';
import { boundedTemperature, sampled } from '../grammar/sampling.ts';
import { Warnings } from '../grammar/warnings.ts';
import { wireMessages, withInstruction } from './messages.ts';
import { owned } from './owned.ts';
import type { OpenAiChatQuirks } from './quirks.ts';
import { wireReasoning } from './reasoning.ts';
import { wireResponseFormat } from './response-format.ts';
import { wireTools } from './tools.ts';

/** A request as the body of `POST /chat/completions`. Errors: `invalid_request`, `model_lacks_ability`. */
export function toWire(
  request: CompleteRequest,
  target: Target,
  stream: boolean,
  quirks: OpenAiChatQuirks,
): WireRequest {
  if (quirks.useInstead) throw notOffered(target, quirks.useInstead);
  const warnings = new Warnings();
  const messages = wireMessages(request.messages, target, quirks, warnings);
  const limited = limits(request, quirks, warnings);
  const { field, words } = wireResponseFormat(request.responseFormat, quirks, warnings);
  const body: JsonObject = {
    model: (quirks.wireModel?.(target.model) ?? target.model).toWellFormed(),
    messages: words ? withInstruction(messages, words.instruction, quirks) : messages,
    ...limited,
    ...wireTools(request, quirks, warnings),
    ...field,
    ...thought(request, quirks, warnings),
    ...cacheKey(request, quirks),
    ...(stream ? streaming(quirks) : {}),
  };
  addOptions(body, request.providerOptions[target.provider], target.provider, ownedBy(quirks));
  const unenforced = words ? { unenforced: words.unenforced } : {};
  return { path: '/chat/completions', body, warnings: warnings.all, ...unenforced };
}

const ownedBy = ({ alsoOwned }: OpenAiChatQuirks): ReadonlySet<string> =>
  alsoOwned ? new Set([...owned, ...alsoOwned]) : owned;

const notOffered = (target: Target, instead: string) =>
  new GatewayError('model_lacks_ability', `The model cannot be called by chat completions; ${instead}.`, { target });

function streaming({ streamUsage, obfuscation }: OpenAiChatQuirks): JsonObject {
  const options: JsonObject = {
    ...(streamUsage ? { include_usage: true } : {}),
    ...(obfuscation ? { include_obfuscation: false } : {}),
  };
  return Object.keys(options).length > 0 ? { stream: true, stream_options: options } : { stream: true };
}

const cacheKey = ({ promptCacheKey: key }: CompleteRequest, quirks: OpenAiChatQuirks): JsonObject =>
  quirks.promptCacheKey && key !== '' ? { prompt_cache_key: key.toWellFormed() } : {};

/** Reasoning comes first: whether temperature and top_p are taken may hang on it. */
function thought(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): JsonObject {
  const { maxTemperature = 2 } = quirks;
  const { field, effort } = wireReasoning(request, quirks, warnings);
  const body: JsonObject = { ...field, ...sampled(request, quirks.sampling, effort, warnings) };
  if (typeof body.temperature === 'number')
    body.temperature = boundedTemperature(body.temperature, maxTemperature, warnings);
  return body;
}

function limits(request: CompleteRequest, quirks: OpenAiChatQuirks, warnings: Warnings): JsonObject {
  const body: JsonObject = {};
  if (request.maxTokens !== undefined) body[quirks.maxTokensField] = request.maxTokens;
  const stop = request.stop.slice(0, quirks.maxStops).map((text) => text.toWellFormed());
  if (stop.length > 0) body.stop = stop;
  if (stop.length < request.stop.length) warnings.add(fewerStops(stop.length));
  if (request.topK !== undefined && quirks.topK) body.top_k = request.topK;
  else if (request.topK !== undefined)
    warnings.add(dropped('top_k', 'top_k was not sent: the provider does not take it.'));
  if (request.seed !== undefined) Object.assign(body, wireSeed(Number(request.seed), quirks, warnings));
  return body;
}

function wireSeed(seed: number, { seedField = 'seed' }: OpenAiChatQuirks, warnings: Warnings): JsonObject {
  const isExact = Number.isSafeInteger(seed);
  if (isExact && seedField !== 'none') return { [seedField]: seed };
  const why = isExact ? 'the provider does not take one' : 'JSON cannot carry so large a number exactly';
  warnings.add(dropped('seed', `seed was not sent: ${why}.`));
  return {};
}

const fewerStops = (sent: number) =>
  sent === 0
    ? dropped('stop', 'stop was not sent: the model does not take stop texts.')
    : adjusted('stop', `Only the first ${sent} stop texts were sent: the provider takes no more.`);
