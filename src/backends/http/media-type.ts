import { bareType } from '../../dialects/grammar/media.ts';
import type { Fetched } from './media-fetch.ts';

/** What a part is to be. */
export type MediaKind = 'image' | 'document';

/** The first bytes of files that say what they are, by media type; undefined: any byte. */
const BEGINNINGS: readonly (readonly [type: string, beginning: readonly (number | undefined)[]])[] = [
  ['image/png', [0x89, ...ascii('PNG\r\n\x1a\n')]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', ascii('GIF8')],
  ['image/webp', [...ascii('RIFF'), undefined, undefined, undefined, undefined, ...ascii('WEBP')]],
  ['application/pdf', ascii('%PDF-')],
];

/** Documents that are text: only the caller or the server can say what they are. */
const TEXTS = ['text/plain', 'text/markdown', 'text/csv', 'text/html', 'text/xml', 'application/json'];

/** What servers say of files that they know nothing of. */
const UNKNOWN = ['application/octet-stream', 'binary/octet-stream', ''];

/**
 * The media type of a file that was fetched for a part of this kind; undefined: such a part may not be that.
 *
 * Pictures and PDFs are told by their first bytes, whatever anyone says of them: providers look at these too, and
 * refuse what is labelled otherwise. A text is what the caller says (`asked`), else what its server says; both must
 * take it for text, and it must be UTF-8.
 */
export function mediaTypeOf({ bytes, contentType }: Fetched, kind: MediaKind, asked: string): string | undefined {
  const told = toldByBytes(bytes);
  if (kind === 'image') return told?.startsWith('image/') ? told : undefined;
  if (told) return told === 'application/pdf' ? told : undefined;
  const said = [bareType(asked), bareType(contentType)].filter((type) => !UNKNOWN.includes(type));
  return said.every((type) => TEXTS.includes(type)) && isText(bytes) ? said[0] : undefined;
}

const toldByBytes = (bytes: Uint8Array): string | undefined =>
  BEGINNINGS.find(([, beginning]) => beginning.every((byte, i) => byte === undefined || byte === bytes[i]))?.[0];

/** Whether it is UTF-8, and not empty. */
function isText(bytes: Uint8Array): boolean {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes) !== '';
  } catch {
    return false;
  }
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
