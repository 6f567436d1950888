import type { JsonObject } from '@bufbuild/protobuf';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { invalid } from '../grammar/invalid.ts';
import { dataUrl, filenameOf, imageUrl, lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';

export const inputText = (text: string): JsonObject => ({ type: 'input_text', text: text.toWellFormed() });

/** Instructions. Errors: `invalid_request` for anything but text. */
export function instructionPart({ part, path }: PlacedPart): JsonObject {
  if (part.case !== 'text') throw invalid(path, 'must be text');
  return inputText(part.value);
}

/**
 * What a user says or a tool gives. Errors: `model_lacks_ability` for sound, which this format cannot carry;
 * `invalid_request` for a part that does not belong here.
 */
export function inputPart({ part, path }: PlacedPart): JsonObject {
  switch (part.case) {
    case 'text':
      return inputText(part.value);
    case 'image':
      return { type: 'input_image', image_url: imageUrl(part.value, `${path}.image`), detail: 'auto' };
    case 'document':
      return { type: 'input_file', ...file(part.value, `${path}.document`) };
    case 'audio':
      throw lacks(`${path}.audio`, 'cannot be sent: the Responses API takes no sound');
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}

/** A name goes with bytes only: a URL has its own. */
function file(media: Media, path: string): JsonObject {
  const { source, mediaType } = media;
  if (source.case === 'url') return { file_url: source.value.toWellFormed() };
  if (source.case !== 'data') throw invalid(path, 'must have data or url');
  return { filename: filenameOf(media), file_data: dataUrl(source.value, mediaType) };
}
