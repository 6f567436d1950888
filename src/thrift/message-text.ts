import { Buffer } from 'node:buffer';
import type { Media, Message, Part } from '#gen/antiphon/v1/completion_pb.js';

/**
 * All that a message says, in one text: two messages have the same one only if they are alike. Hints for prompt caches are
 * no part of it. It is much cheaper than the message's bytes.
 */
export const messageText = ({ role, content }: Message): string => listed([String(role), ...content.map(partText)]);

/** The lengths keep what stands side by side apart. */
const listed = (texts: readonly string[]): string => {
  let all = `${texts.length}`;
  for (const text of texts) all += `,${text.length}:${text}`;
  return all;
};

function partText({ part, providerState }: Part): string {
  const said = listed([part.case ?? '', ...saidIn(part)]);
  if (!providerState) return said;
  const { provider, model, data } = providerState;
  return listed([said, provider, model, bytesText(data)]);
}

function saidIn(part: Part['part']): readonly string[] {
  switch (part.case) {
    case undefined:
      return [];
    case 'text':
    case 'refusal':
      return [part.value];
    case 'reasoning':
      return [part.value.text];
    case 'toolCall':
      return [part.value.id, part.value.name, part.value.arguments];
    case 'toolResult':
      return [part.value.toolCallId, String(part.value.isError), ...part.value.content.map(partText)];
    default:
      return mediaTexts(part.value);
  }
}

function mediaTexts({ source, mediaType, filename }: Media): readonly string[] {
  const what = source.case === 'data' ? bytesText(source.value) : (source.value ?? '');
  return [source.case ?? '', what, mediaType, filename];
}

const bytesText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
