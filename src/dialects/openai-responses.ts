import type { Dialect } from './dialect.ts';
import { ResponsesDecoder } from './openai-responses/decoder.ts';
import { failure } from './openai-responses/failure.ts';
import type { OpenAiResponsesQuirks } from './openai-responses/quirks.ts';
import { replay } from './openai-responses/replay.ts';
import { toWire } from './openai-responses/request.ts';

/**
 * OpenAI's Responses API, without its memory: every request holds the whole conversation. `quirksFor` tells what a
 * model differs in.
 *
 * Source: the npm package openai 7.55.0, resources/responses/responses.d.ts (2026-11-21).
 */
export const openaiResponses = (quirksFor: (model: string) => OpenAiResponsesQuirks): Dialect => ({
  name: 'openai-responses',
  framing: 'sse',
  toWire: (request, target, stream) => toWire(request, target, stream, quirksFor(target.model)),
  decoder: (target, emit) => new ResponsesDecoder(target, emit),
  replay,
  failure,
});
