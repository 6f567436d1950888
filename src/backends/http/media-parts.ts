import type { CompleteRequest, Media, Message, Part } from '#gen/antiphon/v1/completion_pb.js';
import type { MediaKind } from './media-type.ts';

/** A picture or a document that is given by URL, and where. */
export interface LinkedMedia {
  /** The part's path in the proto's names, such as `messages[0].content[1].image`. */
  readonly path: string;
  readonly kind: MediaKind;
  readonly url: string;
  readonly media: Media;
}

/** The bytes of a file, and its media type. */
export interface FileContent {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** All pictures and documents of a request that are given by URL, also those inside tool results. */
export const linkedMedia = ({ messages }: CompleteRequest): readonly LinkedMedia[] =>
  messages.flatMap(({ content }, i) => linkedIn(content, `messages[${i}].content`));

const linkedIn = (parts: readonly Part[], path: string): readonly LinkedMedia[] =>
  parts.flatMap(({ part }, i) => {
    const at = `${path}[${i}]`;
    if (part.case === 'toolResult') return linkedIn(part.value.content, `${at}.tool_result.content`);
    if (part.case !== 'image' && part.case !== 'document') return [];
    const { source } = part.value;
    if (source.case !== 'url') return [];
    return [{ path: `${at}.${part.case}`, kind: part.case, url: source.value, media: part.value }];
  });

/** A copy of the request with files in the place of their URLs. What has none is shared with the original. */
export function withFiles(request: CompleteRequest, files: ReadonlyMap<Media, FileContent>): CompleteRequest {
  const messages = request.messages.map((message) => messageWith(message, files));
  return { ...request, messages };
}

function messageWith(message: Message, files: ReadonlyMap<Media, FileContent>): Message {
  const content = partsWith(message.content, files);
  return content === message.content ? message : { ...message, content };
}

function partsWith(parts: Part[], files: ReadonlyMap<Media, FileContent>): Part[] {
  const copies = parts.map((part) => partWith(part, files));
  return copies.some((copy, i) => copy !== parts[i]) ? copies : parts;
}

function partWith(part: Part, files: ReadonlyMap<Media, FileContent>): Part {
  const piece = part.part;
  if (piece.case === 'toolResult') {
    const content = partsWith(piece.value.content, files);
    if (content === piece.value.content) return part;
    return { ...part, part: { case: 'toolResult', value: { ...piece.value, content } } };
  }
  if (piece.case !== 'image' && piece.case !== 'document') return part;
  const file = files.get(piece.value);
  if (!file) return part;
  const { bytes, mediaType } = file;
  return {
    ...part,
    part: { case: piece.case, value: { ...piece.value, source: { case: 'data', value: bytes }, mediaType } },
  };
}
