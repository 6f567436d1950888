import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { invalid } from '../grammar/invalid.ts';
import { bareType, base64, dataUrl, lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';

export const textPart = (text: string): JsonObject => ({ type: 'text', text: text.toWellFormed() });

/** Parts as the wire's `content`: a lone text as a string, which is all that some servers take. */
export function wireContent(parts: readonly JsonObject[]): JsonValue {
  const [first] = parts;
  return parts.length === 1 && first?.type === 'text' ? (first.text ?? '') : [...parts];
}

/** Instructions. Errors: `invalid_request` for anything but text. */
export function instructionPart({ part, path }: PlacedPart): JsonObject {
  if (part.case !== 'text') throw invalid(path, 'must be text');
  return textPart(part.value);
}

/**
 * What a user says or a tool gives. Errors: `model_lacks_ability` for sound other than WAV and MP3 and for a document
 * by URL, which this format cannot carry; `invalid_request` for a part that does not belong here.
 */
export function userPart({ part, path }: PlacedPart): JsonObject {
  switch (part.case) {
    case 'text':
      return textPart(part.value);
    case 'image':
      return { type: 'image_url', image_url: { url: imageUrl(part.value, `${path}.image`) } };
    case 'audio':
      return { type: 'input_audio', input_audio: audio(part.value, `${path}.audio`) };
    case 'document':
      return { type: 'file', file: file(part.value, `${path}.document`) };
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}

function imageUrl({ source, mediaType }: Media, path: string): string {
  if (source.case === 'url') return source.value.toWellFormed();
  if (source.case === 'data') return dataUrl(source.value, mediaType);
  throw invalid(path, 'must have data or url');
}

const formats: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/wave': 'wav',
  'audio/x-wav': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
};

function audio({ source, mediaType }: Media, path: string): JsonObject {
  const format = formats[bareType(mediaType)];
  if (source.case !== 'data') throw lacks(path, 'must have data: sound is not taken by URL');
  if (!format) throw lacks(path, 'must be WAV or MP3: the provider takes no other sound');
  return { data: base64(source.value), format };
}

function file({ source, mediaType, filename }: Media, path: string): JsonObject {
  if (source.case !== 'data') throw lacks(path, 'must have data: documents are not taken by URL');
  const name = filename || (bareType(mediaType) === 'application/pdf' ? 'document.pdf' : 'document');
  return { file_data: dataUrl(source.value, mediaType), filename: name.toWellFormed() };
}
