import type { Media, Part, Tool } from '#gen/antiphon/v1/completion_pb.js';
import type { Excerpts } from './excerpts.ts';

/** A piece of a message, as the GenAI conventions have it. */
export type ContentPart = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The most pieces of one message, or of one result of a tool. */
export const MAX_PARTS = 64;

/** The first ones; a last one says how many there are besides. */
export function contentParts(parts: readonly Part[], excerpts: Excerpts): readonly ContentPart[] {
  const told = parts.slice(0, MAX_PARTS).map((part) => contentPart(part, excerpts));
  return parts.length > MAX_PARTS ? [...told, omitted(parts.length - MAX_PARTS)] : told;
}

/** Stands where this many pieces are left out. */
export const omitted = (parts: number): ContentPart => ({ type: 'omitted', parts });

function contentPart({ part }: Part, excerpts: Excerpts): ContentPart {
  switch (part.case) {
    case 'text':
    case 'refusal':
      return { type: part.case, content: excerpts.text(part.value) };
    case 'reasoning':
      return { type: 'reasoning', content: excerpts.text(part.value.text) };
    case 'toolCall': {
      const { id, name, arguments: given } = part.value;
      const named = { id: excerpts.text(id), name: excerpts.text(name) };
      return { type: 'tool_call', ...named, arguments: excerpts.json(given) };
    }
    case 'toolResult': {
      const { toolCallId, content, isError } = part.value;
      const response = toolResponse(content, excerpts);
      return {
        type: 'tool_call_response',
        id: excerpts.text(toolCallId),
        response,
        ...(isError && { is_error: true }),
      };
    }
    case 'image':
    case 'audio':
    case 'document':
      return mediaPart(part.case, part.value, excerpts);
    case undefined:
      return omitted(1);
  }
}

/** A single text as it is, which is the ordinary case. */
function toolResponse(content: readonly Part[], excerpts: Excerpts): unknown {
  const [only] = content;
  if (content.length === 1 && only?.part.case === 'text') return excerpts.text(only.part.value);
  return contentParts(content, excerpts);
}

/** What it is and how large, and nothing of it: neither its bytes nor its address, which may be a signed one. */
const mediaPart = (modality: string, { mediaType, source }: Media, excerpts: Excerpts): ContentPart => ({
  type: 'media',
  modality,
  ...(mediaType && { mime_type: excerpts.text(mediaType) }),
  ...(source.case === 'data' ? { bytes: source.value.length } : { source: 'url' }),
});

export const toolDefinition = ({ name, description, parameters }: Tool, excerpts: Excerpts) => ({
  type: 'function',
  name: excerpts.text(name),
  ...(description && { description: excerpts.text(description) }),
  ...(parameters && { parameters: excerpts.json(parameters) }),
});
