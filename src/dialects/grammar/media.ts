import { Buffer } from 'node:buffer';
import { GatewayError } from '../../core/errors.ts';

/** The media type without its parameters, in lower case. */
export const bareType = (mediaType: string): string =>
  (mediaType.split(';')[0] ?? '').trim().toLowerCase().toWellFormed();

export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

export const dataUrl = (bytes: Uint8Array, mediaType: string): string =>
  `data:${bareType(mediaType)};base64,${base64(bytes)}`;

/** `model_lacks_ability` for one field: "messages[0].content[1].audio", "must be WAV or MP3". */
export const lacks = (field: string, description: string): GatewayError =>
  new GatewayError('model_lacks_ability', `${field} ${description}.`, { violations: [{ field, description }] });
