import type { Dialect } from './dialect.ts';
import { FoundationDecoder } from './yandex-foundation/decoder.ts';
import { failure } from './yandex-foundation/failure.ts';
import type { ModelNames } from './yandex-foundation/model-names.ts';
import { toWire } from './yandex-foundation/request.ts';

/**
 * The native text generation of Yandex AI Studio: text only, and JSON lines that each repeat the text so far.
 *
 * Sources, read 2026-11-21: https://github.com/yandex-cloud/docs, en/ai-studio/text-generation/api-ref/TextGeneration
 * and the npm package @yandex-cloud/nodejs-sdk 3.2.0, yandex/cloud/ai/foundation_models/v1/text_common.
 */
export const yandexFoundation = (names: ModelNames): Dialect => ({
  name: 'yandex-foundation',
  framing: 'ndjson',
  toWire: (request, target, stream) => toWire(request, target, stream, names),
  decoder: (target, emit) => new FoundationDecoder(emit, names.short(target.model)),
  replay: (body) => [body],
  failure,
});
