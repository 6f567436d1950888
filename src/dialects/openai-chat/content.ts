import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { invalid } from '../grammar/invalid.ts';
import { bareType, base64, dataUrl, filenameOf, imageUrl, lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import type { OpenAiChatQuirks } from './quirks.ts';
import type { Setting } from './setting.ts';

/** Text. `mark` is its mark for the prompt cache. */
export const textPart = (text: string, mark?: JsonObject): JsonObject => ({
  type: 'text',
  text: text.toWellFormed(),
  ...mark,
});

/** Parts as the wire's `content`: a lone text as a string, which is all that some servers take. */
export function wireContent(parts: readonly JsonObject[]): JsonValue {
  const [first] = parts;
  const { type, text, ...more } = first ?? {};
  const isBare = parts.length === 1 && type === 'text' && Object.keys(more).length === 0;
  return isBare ? (text ?? '') : [...parts];
}

/** Instructions. Errors: `invalid_request` for anything but text. */
export function instructionPart({ part, path }: PlacedPart, { cacheMarks }: Setting): JsonObject {
  if (part.case !== 'text') throw invalid(path, 'must be text');
  return textPart(part.value, cacheMarks.get(path));
}

/**
 * What a user says or a tool gives. Errors: `model_lacks_ability` for sound and documents that the place does not take,
 * or not in this form; `invalid_request` for a part that does not belong here.
 */
export const userPart = (placed: PlacedPart, { cacheMarks, quirks }: Setting): JsonObject => ({
  ...unmarkedPart(placed, quirks),
  ...cacheMarks.get(placed.path),
});

function unmarkedPart({ part, path }: PlacedPart, quirks: OpenAiChatQuirks): JsonObject {
  switch (part.case) {
    case 'text':
      return textPart(part.value);
    case 'image':
      return { type: 'image_url', image_url: { url: imageUrl(part.value, `${path}.image`) } };
    case 'audio':
      return { type: 'input_audio', input_audio: audio(part.value, `${path}.audio`, quirks) };
    case 'document':
      return { type: 'file', file: file(part.value, `${path}.document`, quirks) };
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}

/** What the formats of sound are called here, by media type. */
const formats: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/wave': 'wav',
  'audio/x-wav': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
  'audio/flac': 'flac',
  'audio/x-flac': 'flac',
  'audio/ogg': 'ogg',
  'audio/aac': 'aac',
  'audio/aiff': 'aiff',
  'audio/x-aiff': 'aiff',
  'audio/mp4': 'm4a',
  'audio/x-m4a': 'm4a',
};

function audio({ source, mediaType }: Media, path: string, quirks: OpenAiChatQuirks): JsonObject {
  const { audioFormats = ['wav', 'mp3'] } = quirks;
  const format = formats[bareType(mediaType)];
  if (audioFormats.length === 0) throw lacks(path, 'must not be there: the provider takes no sound');
  if (source.case !== 'data') throw lacks(path, 'must have data: sound is not taken by URL');
  if (format && audioFormats.includes(format)) return { data: base64(source.value), format };
  const taken = audioFormats.map((name) => name.toUpperCase());
  throw lacks(path, `must be ${either(taken)}: the provider takes no other sound`);
}

const either = (words: readonly string[]): string =>
  words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : words.join('');

function file(media: Media, path: string, { documents = 'data' }: OpenAiChatQuirks): JsonObject {
  const { source, mediaType } = media;
  if (documents === 'none') throw lacks(path, 'must not be there: the provider takes no documents');
  const byUrl = source.case === 'url' && documents === 'data_or_url';
  if (source.case !== 'data' && !byUrl) throw lacks(path, 'must have data: documents are not taken by URL');
  const data = source.case === 'data' ? dataUrl(source.value, mediaType) : source.value.toWellFormed();
  return { file_data: data, filename: filenameOf(media) };
}
