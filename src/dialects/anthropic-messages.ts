import { MessagesDecoder } from './anthropic-messages/decoder.ts';
import { failure } from './anthropic-messages/failure.ts';
import type { AnthropicMessagesQuirks } from './anthropic-messages/quirks.ts';
import { replay } from './anthropic-messages/replay.ts';
import { toWire } from './anthropic-messages/request.ts';
import type { Dialect } from './dialect.ts';

/**
 * Anthropic's Messages API in its version 2023-06-01. `quirksFor` tells what a model differs in.
 *
 * Source: the npm package @anthropic-ai/sdk 1.11.0, resources/messages (2026-11-21).
 */
export const anthropicMessages = (quirksFor: (model: string) => AnthropicMessagesQuirks): Dialect => ({
  name: 'anthropic-messages',
  framing: 'sse',
  toWire: (request, target, stream) => toWire(request, target, stream, quirksFor(target.model)),
  decoder: (target, emit) => new MessagesDecoder(target, emit),
  replay,
  failure,
});
