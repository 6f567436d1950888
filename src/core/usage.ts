import { create } from '@bufbuild/protobuf';
import type { CompleteRequest, Media, Message, Part, Usage } from '#gen/antiphon/v1/completion_pb.js';
import { UsageSchema } from '#gen/antiphon/v1/completion_pb.js';

/**
 * Characters to a token, for estimates only. Four is the rule of thumb for English; other scripts need fewer, so an
 * estimate is low for them. Bytes of UTF-8 would err the other way.
 */
const CHARACTERS_PER_TOKEN = 4;

/** What a picture, sound or file counts for in an estimate. */
const MEDIA_CHARACTERS = 4 * 1000;

type MediaCharacters = (media: Media) => number;

const typicalMedia: MediaCharacters = () => MEDIA_CHARACTERS;

function partCharacters({ part }: Part, mediaCharacters: MediaCharacters): number {
  switch (part.case) {
    case 'text':
    case 'refusal':
      return part.value.length;
    case 'reasoning':
      return part.value.text.length;
    case 'toolCall':
      return part.value.name.length + part.value.arguments.length;
    case 'toolResult':
      return contentCharacters(part.value.content, mediaCharacters);
    case undefined:
      return 0;
    default:
      return mediaCharacters(part.value);
  }
}

/** How long a message is. Pictures, sounds and files count as typical ones. */
export const messageCharacters = ({ content }: Pick<Message, 'content'>): number => contentCharacters(content);

const contentCharacters = (parts: readonly Part[], mediaCharacters = typicalMedia): number =>
  parts.reduce((sum, part) => sum + partCharacters(part, mediaCharacters), 0);

/** How long a request is. Pictures, sounds and files count as typical ones, unless they are measured. */
export const requestCharacters = (
  { messages, tools }: Pick<CompleteRequest, 'messages' | 'tools'>,
  mediaCharacters = typicalMedia,
): number =>
  messages.reduce((sum, { content }) => sum + contentCharacters(content, mediaCharacters), 0) +
  tools.reduce((sum, tool) => sum + tool.name.length + tool.description.length + tool.parameters.length, 0);

/** How many tokens so many characters are, by estimate. */
export const estimatedTokens = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN);

const tokens = (characters: number): bigint => BigInt(estimatedTokens(characters));

/** Usage guessed from the length of the text, for when the provider gave none. Marked as `estimated`. */
export function estimateUsage(request: CompleteRequest, output: readonly Part[]): Usage {
  const inputTokens = tokens(requestCharacters(request));
  const outputTokens = tokens(contentCharacters(output));
  const totalTokens = inputTokens + outputTokens;
  return create(UsageSchema, { inputTokens, outputTokens, totalTokens, estimated: true });
}
