import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import { dropped } from '../../core/warnings.ts';
import type { WireRequest } from '../dialect.ts';
import { addOptions } from '../grammar/options.ts';
import { Warnings } from '../grammar/warnings.ts';
import { completionOptions } from './completion-options.ts';
import { wireMessages } from './messages.ts';
import type { ModelNames } from './model-names.ts';
import { wireResponseFormat, wordOfJson } from './response-format.ts';
import { wireTools } from './tools.ts';

/** A request as the body of `POST /completion`. Errors: `invalid_request`, `model_lacks_ability`. */
export function toWire(request: CompleteRequest, target: Target, stream: boolean, names: ModelNames): WireRequest {
  const warnings = new Warnings();
  const messages = wireMessages(request.messages, warnings);
  const body: JsonObject = {
    modelUri: names.uri(target.model).toWellFormed(),
    completionOptions: completionOptions(request, stream, warnings),
    messages: [...wordOfJson(messages, request.responseFormat, warnings), ...messages],
    ...wireTools(request),
    ...wireResponseFormat(request.responseFormat, warnings),
  };
  warnUnknown(request, warnings);
  addOptions(body, request.providerOptions[target.provider], target.provider, owned);
  return { path: '/completion', body, warnings: warnings.all };
}

/** Fields that the provider has no place for. */
function warnUnknown({ topP, topK, seed, stop }: CompleteRequest, warnings: Warnings): void {
  const asked = {
    top_p: topP !== undefined,
    top_k: topK !== undefined,
    seed: seed !== undefined,
    stop: stop.length > 0,
  };
  for (const [field, isAsked] of Object.entries(asked))
    if (isAsked) warnings.add(dropped(field, `${field} was not sent: the provider does not take it.`));
}

/** Fields that options may not set: the contract has a place for them. */
const owned: ReadonlySet<string> = new Set([
  'modelUri',
  'completionOptions',
  'messages',
  'tools',
  'toolChoice',
  'parallelToolCalls',
  'jsonObject',
  'jsonSchema',
]);
