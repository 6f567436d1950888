import type { Dialect } from './dialect.ts';
import { ChatDecoder } from './openai-chat/decoder.ts';
import { failure } from './openai-chat/failure.ts';
import type { OpenAiChatQuirks } from './openai-chat/quirks.ts';
import { replay } from './openai-chat/replay.ts';
import { toWire } from './openai-chat/request.ts';

/**
 * OpenAI's chat completions, which many others speak too. `quirksFor` tells what a model differs in.
 *
 * Source: the npm package openai 7.55.0, resources/chat/completions (2026-11-21).
 */
export const openaiChat = (quirksFor: (model: string) => OpenAiChatQuirks): Dialect => ({
  name: 'openai-chat',
  framing: 'sse',
  toWire: (request, target, stream) => toWire(request, target, stream, quirksFor(target.model)),
  decoder: (target, emit) => new ChatDecoder(target, emit, quirksFor(target.model)),
  replay,
  failure,
});
