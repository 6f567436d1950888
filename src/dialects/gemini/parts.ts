import type { JsonObject } from '@bufbuild/protobuf';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { invalid } from '../grammar/invalid.ts';
import { bareType, base64, lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';

export const textPart = (text: string): JsonObject => ({ text: text.toWellFormed() });

/** Instructions. Errors: `invalid_request` for anything but text. */
export function instructionPart({ part, path }: PlacedPart): JsonObject {
  if (part.case !== 'text') throw invalid(path, 'must be text');
  return textPart(part.value);
}

/**
 * What a user says or a tool gives. Errors: `model_lacks_ability` for a URL that the provider cannot read;
 * `invalid_request` for a part that does not belong here.
 */
export function userPart({ part, path }: PlacedPart): JsonObject {
  switch (part.case) {
    case 'text':
      return textPart(part.value);
    case 'image':
    case 'audio':
    case 'document':
      return mediaPart(part.value, `${path}.${part.case}`);
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}

function mediaPart({ source, mediaType }: Media, path: string): JsonObject {
  const mimeType = bareType(mediaType);
  if (source.case === 'data') return { inlineData: { mimeType, data: base64(source.value) } };
  if (source.case !== 'url') throw invalid(path, 'must have data or url');
  if (!readsUrl(source.value))
    throw lacks(path, 'must have data: of URLs, the provider reads only those of its own files and of YouTube');
  return { fileData: { fileUri: source.value.toWellFormed(), ...(mimeType === '' ? {} : { mimeType }) } };
}

/** Whether the provider fetches what is there: its own files, and YouTube. */
export const readsUrl = (url: string): boolean => readable.test(url);

/** Source: the npm package @ai-sdk/google 4.0.121, dist/index.js (2026-11-21). */
const readable =
  /^https:\/\/(?:generativelanguage\.googleapis\.com\/[^/?#]+\/files\/|(?:(?:www|m)\.)?youtube\.com\/(?:watch\?|shorts\/|live\/|embed\/)|youtu\.be\/)/;
