import { Buffer, isUtf8 } from 'node:buffer';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { invalid } from '../grammar/invalid.ts';
import { bareType, base64, lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { Setting } from './setting.ts';

/** A text; undefined if it is blank, which the API refuses. */
export function textBlock(text: string, path: string, warnings: Warnings): JsonObject | undefined {
  if (text.trim() !== '') return { type: 'text', text: text.toWellFormed() };
  if (text !== '') warnings.add(dropped(path, 'Blank text was not sent: the provider refuses it.'));
  return undefined;
}

/** Instructions. Errors: `invalid_request` for anything but text. */
export function instructionBlocks(parts: readonly PlacedPart[], setting: Setting): JsonObject[] {
  const other = parts.find(({ part }) => part.case !== 'text');
  if (other) throw invalid(other.path, 'must be text');
  return userBlocks(parts, setting);
}

/** What a user says or a tool gives. Errors: as `userBlock`. */
export const userBlocks = (parts: readonly PlacedPart[], setting: Setting): JsonObject[] =>
  parts.flatMap((placed) => {
    const block = userBlock(placed, setting.warnings);
    setting.marks.add(block, placed.whole.promptCache, placed.path);
    return block ? [block] : [];
  });

/**
 * One part. Errors: `model_lacks_ability` for sound, and for images and documents of a type that the API does not take;
 * `invalid_request` for a part that does not belong here.
 */
export function userBlock({ part, path }: PlacedPart, warnings: Warnings): JsonObject | undefined {
  switch (part.case) {
    case 'text':
      return textBlock(part.value, path, warnings);
    case 'image':
      return { type: 'image', source: imageSource(part.value, `${path}.image`) };
    case 'document':
      return documentBlock(part.value, `${path}.document`, warnings);
    case 'audio':
      throw lacks(`${path}.audio`, 'cannot be sent: the provider takes no sound');
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}

const imageTypes = new Map([
  ['image/jpeg', 'image/jpeg'],
  ['image/jpg', 'image/jpeg'],
  ['image/png', 'image/png'],
  ['image/gif', 'image/gif'],
  ['image/webp', 'image/webp'],
]);

function imageSource({ source, mediaType }: Media, path: string): JsonObject {
  if (source.case === 'url') return { type: 'url', url: source.value.toWellFormed() };
  if (source.case !== 'data') throw invalid(path, 'must have data or url');
  const type = imageTypes.get(bareType(mediaType));
  if (!type) throw lacks(path, 'must be JPEG, PNG, GIF or WebP: the provider takes no other image');
  return { type: 'base64', media_type: type, data: base64(source.value) };
}

function documentBlock(media: Media, path: string, warnings: Warnings): JsonObject {
  const title = media.filename === '' ? {} : { title: media.filename.toWellFormed() };
  return { type: 'document', source: documentSource(media, path, warnings), ...title };
}

const PDF = 'application/pdf';

function documentSource({ source, mediaType }: Media, path: string, warnings: Warnings): JsonObject {
  const type = bareType(mediaType);
  if (source.case === 'url') {
    if (type !== '' && type !== PDF) throw lacks(path, 'must be PDF: the provider fetches no other document');
    return { type: 'url', url: source.value.toWellFormed() };
  }
  if (source.case !== 'data') throw invalid(path, 'must have data or url');
  if (type === PDF) return { type: 'base64', media_type: PDF, data: base64(source.value) };
  if (!type.startsWith('text/')) throw lacks(path, 'must be PDF or text: the provider takes no other document');
  if (!isUtf8(source.value)) throw lacks(path, 'must be text in UTF-8: the provider takes no other');
  if (type !== 'text/plain')
    warnings.add(adjusted(`${path}.media_type`, 'The document was sent as plain text: the provider knows no other.'));
  return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.value).toString() };
}
