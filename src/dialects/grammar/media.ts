import { Buffer } from 'node:buffer';
import type { Media } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../core/errors.ts';
import { invalid } from './invalid.ts';

/** The media type without its parameters, in lower case. */
export const bareType = (mediaType: string): string =>
  (mediaType.split(';')[0] ?? '').trim().toLowerCase().toWellFormed();

export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

export const dataUrl = (bytes: Uint8Array, mediaType: string): string =>
  `data:${bareType(mediaType)};base64,${base64(bytes)}`;

/** Where an image is: its URL, or one that holds its bytes. Errors: `invalid_request` if there is neither. */
export function imageUrl({ source, mediaType }: Media, path: string): string {
  if (source.case === 'url') return source.value.toWellFormed();
  if (source.case === 'data') return dataUrl(source.value, mediaType);
  throw invalid(path, 'must have data or url');
}

/** A document's name; a made up one if it has none. */
export const filenameOf = ({ filename, mediaType }: Media): string =>
  (filename || (bareType(mediaType) === 'application/pdf' ? 'document.pdf' : 'document')).toWellFormed();

/** `model_lacks_ability` for one field: "messages[0].content[1].audio", "must be WAV or MP3". */
export const lacks = (field: string, description: string): GatewayError =>
  new GatewayError('model_lacks_ability', `${field} ${description}.`, { violations: [{ field, description }] });
