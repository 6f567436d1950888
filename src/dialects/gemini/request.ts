import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../core/target.ts';
import type { WireRequest } from '../dialect.ts';
import { addOptions } from '../grammar/options.ts';
import { Warnings } from '../grammar/warnings.ts';
import { wireConversation } from './conversation.ts';
import { generationConfig } from './generation-config.ts';
import { owned } from './owned.ts';
import type { GeminiQuirks } from './quirks.ts';
import { wireFormat } from './response-format.ts';
import { wireIds } from './tool-call-ids.ts';
import { wireTools } from './tools.ts';

/** A request as the body of `generateContent`. Errors: `invalid_request`, `model_lacks_ability`. */
export function toWire(request: CompleteRequest, target: Target, stream: boolean, quirks: GeminiQuirks): WireRequest {
  const warnings = new Warnings();
  const { config, instruction, unenforced } = wireFormat(request, quirks, warnings);
  const setting = { target, quirks, warnings, wireId: wireIds() };
  const body: JsonObject = {
    ...wireConversation(request.messages, instruction, setting),
    ...wireTools(request, warnings),
    ...generationConfig(request, config, quirks, warnings),
  };
  addOptions(body, request.providerOptions[target.provider], target.provider, owned);
  const path = modelPath(target.model, stream);
  return { path, body, warnings: warnings.all, ...(unenforced ? { unenforced } : {}) };
}

/** The model is one segment of the path, whatever it is called. */
const modelPath = (model: string, stream: boolean): string =>
  `/models/${encodeURIComponent(model.toWellFormed())}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
