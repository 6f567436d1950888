import type { Dialect } from './dialect.ts';
import { GeminiDecoder } from './gemini/decoder.ts';
import { failure } from './gemini/failure.ts';
import type { GeminiQuirks } from './gemini/quirks.ts';
import { toWire } from './gemini/request.ts';

/**
 * Google's `generateContent`, as the Gemini Developer API speaks it. `quirksFor` tells what a model differs in. A body
 * has the form of a stream's only chunk, so that there is nothing to restate.
 *
 * Source: the npm package @google/genai 3.1.0, dist/genai.d.ts (2026-11-21).
 */
export const gemini = (quirksFor: (model: string) => GeminiQuirks): Dialect => ({
  name: 'gemini',
  framing: 'sse',
  toWire: (request, target, stream) => toWire(request, target, stream, quirksFor(target.model)),
  decoder: (target, emit) => new GeminiDecoder(target, emit),
  replay: (body) => [body],
  failure,
});
